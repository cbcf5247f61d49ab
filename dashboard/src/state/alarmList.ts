/** Which alarms an operator sees, in which order. */
import type { Alarm, AlarmGrouping, Severity } from '@/api/types'

export const severities: readonly Severity[] = [1, 2, 3, 4]

/** `need`: unanswered first, then the gravest, then the newest; the gateway's own order. */
export const sortOrders = ['need', 'severity', 'newest', 'oldest', 'place'] as const
export type SortOrder = (typeof sortOrders)[number]

export const groupings = ['none', 'site', 'edge', 'rule'] as const
export type Grouping = 'none' | AlarmGrouping

export interface AlarmFilter {
  /** Open ones that call nobody for now (shelved, suppressed, out of service) have a list of their own. */
  readonly state: 'open' | 'set_aside' | 'closed' | 'all'
  /** Empty: every severity. */
  readonly severities: readonly Severity[]
  readonly township: string | null
  readonly onlyUnacknowledged: boolean
  readonly search: string
  /** Of alarms that are over: raised from this day on, to the end of that one, Beijing time; null: the last thirty days. */
  readonly days: readonly [string, string] | null
  readonly order: SortOrder
  readonly grouping: Grouping
}

export const wholeList: AlarmFilter = {
  state: 'open',
  severities: [],
  township: null,
  onlyUnacknowledged: false,
  search: '',
  days: null,
  order: 'need',
  grouping: 'none',
}

export const isUnacknowledged = (alarm: Alarm) =>
  alarm.state === 'active_unacknowledged' ||
  alarm.state === 'returned_unacknowledged' ||
  alarm.state === 'latched_unacknowledged'

/** Open, but calling nobody for now. */
export const isSetAside = (alarm: Alarm) =>
  alarm.state === 'shelved' || alarm.state === 'suppressed' || alarm.state === 'out_of_service'

/** A mark is left for so long after an alarm last came three times within a minute. */
const chatterMarkMs = 600_000

export const isChattering = (alarm: Alarm, nowMs: number) =>
  alarm.chattered_at_ms != null && nowMs - alarm.chattered_at_ms < chatterMarkMs

/** Whether it lists alarms that are over, which the gateway finds by days and words. */
export const isPast = ({ state }: AlarmFilter) => state === 'closed' || state === 'all'

/** Whether the filter hides anything; order and grouping do not. */
export function isNarrowed(filter: AlarmFilter): boolean {
  return (
    filter.severities.length > 0 ||
    filter.township !== null ||
    filter.onlyUnacknowledged ||
    filter.search !== '' ||
    (filter.days !== null && isPast(filter))
  )
}

export function chooseAlarms(alarms: Iterable<Alarm>, filter: AlarmFilter): Alarm[] {
  const words = filter.search.toLowerCase().split(/\s+/).filter(Boolean)
  return [...alarms].filter((alarm) => passes(alarm, filter, words)).sort(comparisons[filter.order])
}

/** A remembered filter may be of an older version of this page. */
export function isAlarmFilter(value: unknown): value is AlarmFilter {
  if (typeof value !== 'object' || value === null) return false
  const {
    state,
    severities: chosen,
    township,
    onlyUnacknowledged,
    search,
    days,
    order,
    grouping,
  } = { ...wholeList, ...value }
  return (
    ['open', 'set_aside', 'closed', 'all'].includes(state) &&
    Array.isArray(chosen) &&
    chosen.every((severity) => severities.includes(severity)) &&
    (township === null || typeof township === 'string') &&
    typeof onlyUnacknowledged === 'boolean' &&
    typeof search === 'string' &&
    (days === null || isDays(days)) &&
    sortOrders.includes(order) &&
    groupings.includes(grouping) &&
    Object.keys(wholeList).every((key) => key in value)
  )
}

const day = /^\d{4}-\d{2}-\d{2}$/
export const isDays = (value: unknown): value is readonly [string, string] =>
  Array.isArray(value) && value.length === 2 && value.every((one) => typeof one === 'string' && day.test(one))

/** Whether the filter's own conditions let an alarm through. */
function passes(alarm: Alarm, filter: AlarmFilter, words: readonly string[]): boolean {
  if (filter.state === 'open' && (isSetAside(alarm) || alarm.state === 'closed')) return false
  if (filter.state === 'set_aside' && !isSetAside(alarm)) return false
  if (filter.severities.length > 0 && !filter.severities.includes(alarm.severity)) return false
  if (filter.township !== null && alarm.township !== filter.township) return false
  if (filter.onlyUnacknowledged && !isUnacknowledged(alarm)) return false
  const told = [
    alarm.device,
    alarm.device_name,
    alarm.site_name,
    alarm.title_zh,
    alarm.title_en,
    alarm.rule,
    alarm.cause_zh,
    alarm.cause_en,
  ]
  const haystack = told.join('\n').toLowerCase()
  return words.every((word) => haystack.includes(word))
}

/** What an alarm asks of people, in the order in which they are needed. */
function attentionOf(alarm: Alarm): number {
  if (alarm.state === 'closed') return 3
  if (isSetAside(alarm)) return 2
  return isUnacknowledged(alarm) ? 0 : 1
}

/** The gateway's order: numbers rise in the order of raising. */
export const byNeed = (a: Alarm, b: Alarm) =>
  attentionOf(a) - attentionOf(b) || a.severity - b.severity || b.id - a.id

const newestFirst = (a: Alarm, b: Alarm) => b.raised_at_ms - a.raised_at_ms || b.id - a.id

const comparisons: Record<SortOrder, (a: Alarm, b: Alarm) => number> = {
  need: byNeed,
  severity: (a, b) =>
    a.severity - b.severity || Number(isUnacknowledged(b)) - Number(isUnacknowledged(a)) || newestFirst(a, b),
  newest: newestFirst,
  oldest: (a, b) => newestFirst(b, a),
  place: (a, b) =>
    a.township.localeCompare(b.township) ||
    a.site_name.localeCompare(b.site_name, 'zh-CN') ||
    a.severity - b.severity ||
    newestFirst(a, b),
}
