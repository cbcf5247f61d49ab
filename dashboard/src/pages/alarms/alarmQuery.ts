/** What the gateway is asked for a filter. Pure. */
import type { AlarmQuery } from '@/api/alarms'
import type { AlarmGrouping } from '@/api/types'
import type { AlarmFilter } from '@/state/alarmList'
import { beijingOffsetMs, clockDate } from '@/text/format'

/** The part that lists and groups have in common. */
export function queryOf(filter: AlarmFilter): Pick<AlarmQuery, 'state' | 'severity' | 'township'> {
  return {
    state: filter.state === 'open' ? (filter.onlyUnacknowledged ? 'waiting' : 'calling') : filter.state,
    ...(filter.severities.length > 0 && { severity: filter.severities.join(',') }),
    ...(filter.township !== null && { township: filter.township }),
  }
}

const dayMs = 86_400_000
/** What is over is looked for in the last so many days, unless somebody says in which. */
export const usualDays = 30

/** What is asked for alarms that are over: words and days are looked for by the gateway. */
export function queryOfPast(filter: AlarmFilter, nowMs: number): AlarmQuery {
  const [from, to] = filter.days ?? []
  const search = filter.search.trim()
  const isSearched = search !== ''
  return {
    ...queryOf(filter),
    ...(isSearched && { search }),
    ...(from !== undefined && to !== undefined
      ? { from_ms: beijingMidnight(from), to_ms: beijingMidnight(to) + dayMs }
      : isSearched && { from_ms: beijingMidnight(clockDate(nowMs)) - usualDays * dayMs }),
  }
}

const beijingMidnight = (day: string) => Date.parse(`${day}T00:00:00Z`) - beijingOffsetMs

/** The part that narrows a list to one group. */
export function queryOfGroup(by: AlarmGrouping, key: string): Pick<AlarmQuery, AlarmGrouping> {
  switch (by) {
    case 'site':
      return { site: key }
    case 'edge':
      return { edge: key }
    case 'rule':
      return { rule: key }
  }
}
