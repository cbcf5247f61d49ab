/** What the gateway is asked for a filter. Pure. */
import type { AlarmQuery } from '@/api/alarms'
import type { AlarmGrouping } from '@/api/types'
import type { AlarmFilter } from '@/state/alarmList'

/** The part that lists and groups have in common. */
export function queryOf(filter: AlarmFilter): Pick<AlarmQuery, 'state' | 'severity' | 'township'> {
  return {
    state: filter.state === 'open' ? (filter.onlyUnacknowledged ? 'waiting' : 'calling') : filter.state,
    ...(filter.severities.length > 0 && { severity: filter.severities.join(',') }),
    ...(filter.township !== null && { township: filter.township }),
  }
}

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
