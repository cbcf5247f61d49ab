/** What a screen asks for again and again while it is there: the newest answer, kept while none comes. */
import { onScopeDispose, shallowRef, type ShallowRef } from 'vue'
import type { Answer } from '@/api/request'

export function usePolled<T>(ask: () => Promise<Answer<T>>, first: T, everyMs: number): ShallowRef<T> {
  const value = shallowRef(first)
  async function renew(): Promise<void> {
    const answer = await ask()
    if (answer.kind === 'ok') value.value = answer.value
  }
  void renew()
  const timer = window.setInterval(() => void renew(), everyMs)
  onScopeDispose(() => {
    window.clearInterval(timer)
  })
  return value
}
