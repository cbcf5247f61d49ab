/** One request whose answer a screen shows: loading, failed, or ready; the answer to an older question is dropped. */
import { onScopeDispose, shallowRef, watch, type ShallowRef } from 'vue'
import type { Answer } from '@/api/request'
import type { Problem } from '@/api/types'

export type Load<T> =
  | { kind: 'loading' }
  | { kind: 'failed'; problem: Problem }
  | { kind: 'ready'; value: T; isRenewing: boolean }

export interface Loader<T> {
  load: ShallowRef<Load<T>>
  reload: () => Promise<void>
}

/** Asks now and whenever `question` changes; null: nothing to ask. `reload` keeps the old answer on screen. */
export function useLoad<Q, T>(
  question: () => Q | null,
  ask: (question: Q, signal: AbortSignal) => Promise<Answer<T>>,
): Loader<T> {
  const load = shallowRef<Load<T>>({ kind: 'loading' })
  let running: AbortController | null = null

  async function run(asked: Q | null): Promise<void> {
    running?.abort()
    if (asked === null) return
    const mine = new AbortController()
    running = mine
    const answer = await ask(asked, mine.signal)
    if (mine.signal.aborted || answer.kind === 'aborted') return
    const shown = load.value
    if (answer.kind === 'ok') load.value = { kind: 'ready', value: answer.value, isRenewing: false }
    // A gateway in trouble takes nothing off the screen; the link state already tells of it.
    else if (shown.kind === 'ready' && isPassing(answer.problem)) load.value = { ...shown, isRenewing: false }
    else load.value = { kind: 'failed', problem: answer.problem }
  }

  watch(
    question,
    (asked) => {
      load.value = { kind: 'loading' }
      void run(asked)
    },
    { immediate: true },
  )
  onScopeDispose(() => running?.abort())

  return {
    load,
    reload: () => {
      const shown = load.value
      load.value = shown.kind === 'ready' ? { ...shown, isRenewing: true } : { kind: 'loading' }
      return run(question())
    },
  }
}

/** Not reached, or the gateway's own fault: what was true before may still be. */
const isPassing = ({ status }: Problem) => status === 0 || status >= 500
