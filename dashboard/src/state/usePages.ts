/** A list that comes page by page, newest first. */
import { onScopeDispose, shallowRef, watch } from 'vue'
import type { Answer } from '@/api/request'
import type { Problem } from '@/api/types'

export interface Page<T> {
  readonly items: readonly T[]
  /** What to ask for next; null: there is no more. */
  readonly nextBefore: number | null
}

/** Asks anew whenever the text of `question` changes; null: nothing to ask. */
export function usePages<Q, T>(
  question: () => Q | null,
  ask: (question: Q, before: number | null, signal: AbortSignal) => Promise<Answer<Page<T>>>,
) {
  const items = shallowRef<readonly T[]>([])
  const nextBefore = shallowRef<number | null>(null)
  const isLoading = shallowRef(false)
  const problem = shallowRef<Problem | null>(null)
  let running: AbortController | null = null

  async function load(before: number | null): Promise<void> {
    running?.abort()
    const asked = question()
    if (asked === null) return
    const mine = new AbortController()
    running = mine
    isLoading.value = true
    problem.value = null
    const answer = await ask(asked, before, mine.signal)
    if (mine.signal.aborted || answer.kind === 'aborted') return
    isLoading.value = false
    if (answer.kind === 'problem') {
      problem.value = answer.problem
      return
    }
    items.value = before === null ? answer.value.items : [...items.value, ...answer.value.items]
    nextBefore.value = answer.value.nextBefore
  }

  function restart(): void {
    items.value = []
    nextBefore.value = null
    void load(null)
  }
  watch(() => JSON.stringify(question()), restart, { immediate: true })
  onScopeDispose(() => running?.abort())

  return { items, nextBefore, isLoading, problem, restart, loadMore: () => load(nextBefore.value) }
}
