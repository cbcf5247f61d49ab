/** Who is on duty now, at the posts that answer for this person's places; renewed while somebody looks. */
import { onScopeDispose, shallowRef } from 'vue'
import { listOnDuty } from '@/api/duty'
import type { OnDuty } from '@/api/types'

/** Shifts change on the hour; a roster that was corrected shows within a minute. */
const renewEveryMs = 60_000

/** The own post first; null: not known yet. */
export const posts = shallowRef<readonly OnDuty[] | null>(null)

export async function renewOnDuty(): Promise<void> {
  const answer = await listOnDuty()
  if (answer.kind === 'ok') posts.value = answer.value
}

export function useOnDuty() {
  void renewOnDuty()
  const timer = window.setInterval(() => void renewOnDuty(), renewEveryMs)
  onScopeDispose(() => {
    window.clearInterval(timer)
    posts.value = null
  })
  return posts
}
