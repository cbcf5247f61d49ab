/** Alarms from the store, page by page: what the live state, which holds open ones only, cannot show. */
import { onScopeDispose, shallowRef, watch } from 'vue'
import { listAlarms, type AlarmQuery } from '@/api/alarms'
import type { Alarm, Problem } from '@/api/types'

const pageSize = 100

export function usePastAlarms(query: () => AlarmQuery | null) {
  const alarms = shallowRef<readonly Alarm[]>([])
  const nextBefore = shallowRef<number | null>(null)
  const isLoading = shallowRef(false)
  const problem = shallowRef<Problem | null>(null)
  let running: AbortController | null = null

  async function load(before: number | null): Promise<void> {
    running?.abort()
    const asked = query()
    if (!asked) return
    const mine = new AbortController()
    running = mine
    isLoading.value = true
    problem.value = null
    const page = { ...asked, limit: pageSize, ...(before !== null && { before }) }
    const answer = await listAlarms(page, mine.signal)
    if (mine.signal.aborted || answer.kind === 'aborted') return
    isLoading.value = false
    if (answer.kind === 'problem') {
      problem.value = answer.problem
      return
    }
    alarms.value = before === null ? answer.value.alarms : [...alarms.value, ...answer.value.alarms]
    nextBefore.value = answer.value.next_before ?? null
  }

  function restart(): void {
    alarms.value = []
    nextBefore.value = null
    void load(null)
  }
  // The question is compared as text: a new object with the same content asks nothing new.
  watch(() => JSON.stringify(query()), restart, { immediate: true })
  onScopeDispose(() => running?.abort())

  return { alarms, nextBefore, isLoading, problem, restart, loadMore: () => load(nextBefore.value) }
}
