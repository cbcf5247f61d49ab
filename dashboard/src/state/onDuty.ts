/** Who is on duty now, at the posts that answer for this person's places; renewed while somebody looks. */
import { onScopeDispose, shallowRef } from 'vue'
import { listOnDuty } from '@/api/duty'
import type { OnDuty } from '@/api/types'

/** Shifts change on the hour; a roster that was corrected shows within a minute. */
const renewEveryMs = 60_000

/** The own post first; null: not known yet. */
const posts = shallowRef<readonly OnDuty[] | null>(null)
let lookers = 0
let timer = 0

export async function renewOnDuty(): Promise<void> {
  const answer = await listOnDuty()
  if (answer.kind === 'ok') posts.value = answer.value
}

/** Several parts of a screen may look: they share one answer, and who leaves last forgets it. */
export function useOnDuty() {
  lookers += 1
  if (lookers === 1) {
    void renewOnDuty()
    timer = window.setInterval(() => void renewOnDuty(), renewEveryMs)
  }
  onScopeDispose(() => {
    lookers -= 1
    if (lookers > 0) return
    window.clearInterval(timer)
    posts.value = null
  })
  return posts
}
