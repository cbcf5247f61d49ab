/**
 * Open alarms beyond those that the live stream brings: asked for page by page, and asked again every few seconds while
 * something changes.
 */
import { onScopeDispose, shallowRef, watch } from 'vue'
import { listAlarmGroups, listAlarms, type AlarmQuery } from '@/api/alarms'
import type { Alarm, AlarmGroup, AlarmGrouping, Problem } from '@/api/types'
import { lastAnswer, live } from '@/state/liveStore'
import { queryOfGroup } from './alarmQuery'

const pageSize = 200
/** Shorter would be a load on the gateway just when it has most to do; the first alarms are live anyway. */
const renewEveryMs = 3_000

/** Calls `renew` when counts have changed, at most every three seconds. */
function whenCountsChange(renew: () => void): void {
  let timer: number | undefined
  watch(
    () => live.value.alarmCounts,
    () => {
      timer ??= window.setTimeout(() => {
        timer = undefined
        renew()
      }, renewEveryMs)
    },
  )
  onScopeDispose(() => {
    window.clearTimeout(timer)
  })
}

/** null: nothing is asked. */
export function useFloodList(question: () => AlarmQuery | null) {
  const items = shallowRef<readonly Alarm[]>([])
  const nextAfter = shallowRef<number | null>(null)
  const isLoading = shallowRef(false)
  const problem = shallowRef<Problem | null>(null)
  let running: AbortController | null = null

  async function load(after: number | null): Promise<void> {
    running?.abort()
    const asked = question()
    if (asked === null) return
    running = new AbortController()
    const { signal } = running
    isLoading.value = true
    const page = { ...asked, limit: pageSize, ...(after !== null && { after }) }
    const answer = await listAlarms(page, signal)
    if (signal.aborted || answer.kind === 'aborted') return
    isLoading.value = false
    problem.value = answer.kind === 'problem' ? answer.problem : null
    if (answer.kind === 'problem') return
    const { alarms, next_after } = answer.value
    items.value = after === null ? alarms : [...items.value, ...alarms]
    nextAfter.value = next_after ?? null
  }

  watch(
    () => JSON.stringify(question()),
    () => {
      items.value = []
      nextAfter.value = null
      void load(null)
    },
    { immediate: true },
  )
  // What was answered here shows at once; the gateway is asked for the rest soon.
  watch(lastAnswer, (answer) => {
    if (answer) items.value = items.value.map((alarm) => (alarm.id === answer.id ? answer : alarm))
  })
  whenCountsChange(() => {
    // Whoever has read on is not thrown back to the first page.
    if (items.value.length <= pageSize && !isLoading.value) void load(null)
  })
  onScopeDispose(() => running?.abort())
  return { items, nextAfter, isLoading, problem, loadMore: () => load(nextAfter.value) }
}

export interface GroupQuestion extends Pick<AlarmQuery, 'state' | 'severity' | 'township'> {
  by: AlarmGrouping
}

/** The groups as the gateway counts them; null: nothing is asked. */
export function useFloodGroups(question: () => GroupQuestion | null) {
  const groups = shallowRef<readonly AlarmGroup[]>([])
  let running: AbortController | null = null

  async function load(): Promise<void> {
    running?.abort()
    const asked = question()
    if (asked === null) return
    running = new AbortController()
    const { signal } = running
    const { by, ...query } = asked
    const answer = await listAlarmGroups(by, query, signal)
    if (!signal.aborted && answer.kind === 'ok') groups.value = answer.value.groups
  }
  watch(
    () => JSON.stringify(question()),
    () => {
      groups.value = []
      void load()
    },
    { immediate: true },
  )
  whenCountsChange(() => void load())
  onScopeDispose(() => running?.abort())
  return { groups }
}

/** The alarms of one group, those that need people first. */
export const askGroup = (by: AlarmGrouping, key: string, query: AlarmQuery) =>
  listAlarms({ ...query, ...queryOfGroup(by, key), limit: pageSize })
