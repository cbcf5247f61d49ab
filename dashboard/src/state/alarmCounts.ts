/** How many alarms are open, of which a screen in a flood holds the first few hundred only. */
import type { AlarmCount, BySeverity } from '@/api/types'
import type { AlarmFilter } from './alarmList'
import type { LiveState } from './live'

export interface CountsBySeverity {
  readonly waiting: BySeverity
  readonly answered: BySeverity
  readonly setAside: BySeverity
  /** All three together. */
  readonly open: BySeverity
}

const none: BySeverity = [0, 0, 0, 0]
const plus = (a: BySeverity, b: BySeverity): BySeverity => [
  a[0] + b[0],
  a[1] + b[1],
  a[2] + b[2],
  a[3] + b[3],
]
export const sumOf = (counts: BySeverity) => counts[0] + counts[1] + counts[2] + counts[3]

export function countsBySeverity(counts: Iterable<AlarmCount>): CountsBySeverity {
  let waiting = none
  let answered = none
  let setAside = none
  for (const count of counts) {
    waiting = plus(waiting, count.waiting)
    answered = plus(answered, count.answered)
    setAside = plus(setAside, count.set_aside)
  }
  return { waiting, answered, setAside, open: plus(plus(waiting, answered), setAside) }
}

export const waitingCount = (counts: Iterable<AlarmCount>) => sumOf(countsBySeverity(counts).waiting)

/** Whether the screen holds every open alarm, and can put them in any order. */
export const isEveryAlarmHeld = ({ alarms, alarmCounts }: LiveState) =>
  sumOf(countsBySeverity(alarmCounts.values()).open) <= alarms.size

/** How many open alarms a filter lets through, as far as counts can say: words to search for are not counted. */
export function countChosen(counts: Iterable<AlarmCount>, filter: AlarmFilter): number {
  const here = [...counts].filter(({ township }) => filter.township === null || township === filter.township)
  const { waiting, answered, setAside } = countsBySeverity(here)
  const parts = {
    open: filter.onlyUnacknowledged ? [waiting] : [waiting, answered],
    set_aside: filter.onlyUnacknowledged ? [] : [setAside],
    closed: [],
    all: [],
  }[filter.state]
  const isWanted = (at: number) =>
    filter.severities.length === 0 || filter.severities.some((severity) => severity - 1 === at)
  return parts.reduce((sum, part) => sum + part.reduce((all, n, at) => all + (isWanted(at) ? n : 0), 0), 0)
}
