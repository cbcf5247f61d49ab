/** The console's filter in the address, so that it can be sent to a colleague. Pure. */
import type { Severity } from '@/api/types'
import { groupings, isDays, severities, sortOrders, wholeList, type AlarmFilter } from './alarmList'

const states = ['open', 'set_aside', 'closed', 'all'] as const

/** Only what differs from the whole list stands there. */
export function filterToQuery(filter: AlarmFilter): Record<string, string> {
  const parts: [string, string, string][] = [
    ['state', filter.state, wholeList.state],
    ['severity', filter.severities.join(','), ''],
    ['township', filter.township ?? '', ''],
    ['waiting', filter.onlyUnacknowledged ? '1' : '', ''],
    ['q', filter.search, ''],
    ['days', filter.days?.join('..') ?? '', ''],
    ['order', filter.order, wholeList.order],
    ['group', filter.grouping, wholeList.grouping],
  ]
  return Object.fromEntries(
    parts.filter(([, value, usual]) => value !== usual).map(([name, value]) => [name, value]),
  )
}

/** What an address says; null: it says nothing about the list. What it says wrongly is passed over. */
export function filterFromQuery(query: Readonly<Record<string, unknown>>): AlarmFilter | null {
  const names = ['state', 'severity', 'township', 'waiting', 'q', 'days', 'order', 'group']
  if (!names.some((name) => name in query)) return null
  const textOf = (name: string) => {
    const value = query[name]
    return typeof value === 'string' ? value : ''
  }
  const oneOf = <T extends string>(name: string, all: readonly T[], usual: T): T =>
    all.find((each) => each === textOf(name)) ?? usual
  const numbers = textOf('severity').split(',').map(Number)
  return {
    state: oneOf('state', states, wholeList.state),
    severities: severities.filter((severity: Severity) => numbers.includes(severity)),
    township: textOf('township') || null,
    onlyUnacknowledged: textOf('waiting') === '1',
    search: textOf('q'),
    days: daysOf(textOf('days')),
    order: oneOf('order', sortOrders, wholeList.order),
    grouping: oneOf('group', groupings, wholeList.grouping),
  }
}

function daysOf(words: string): readonly [string, string] | null {
  const days: unknown = words.split('..')
  return isDays(days) ? days : null
}
