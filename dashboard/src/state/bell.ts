/** Which bell a change of the open alarms asks for, and when it is to ring again. Pure. */
import type { Alarm } from '@/api/types'
import { isUnacknowledged } from './alarmList'

export type Bell = 'critical' | 'urgent'

/** Until somebody answers, I rings again after ten seconds, II after thirty: often enough not to be forgotten. */
export const repeatMs: Readonly<Record<Bell, number>> = { critical: 10_000, urgent: 30_000 }

/**
 * New alarms of severity I or II that wait for an answer ring, whether their condition still holds or not, and so do
 * those that came back unanswered. What a page finds open when it is loaded rings too: whoever has just come does not
 * know it.
 */
export function ring(
  before: ReadonlyMap<number, Alarm> | null,
  after: ReadonlyMap<number, Alarm>,
): Bell | null {
  return bellOf(news(before, after))
}

/** The alarms of severity I or II that nobody was called for yet, the gravest first. */
export function news(
  before: ReadonlyMap<number, Alarm> | null,
  after: ReadonlyMap<number, Alarm>,
): readonly Alarm[] {
  const isNew = (alarm: Alarm) => {
    const known = before?.get(alarm.id)
    return calls(alarm) && (!known || !isUnacknowledged(known) || (isActive(alarm) && !isActive(known)))
  }
  return [...after.values()].filter(isNew).sort((a, b) => a.severity - b.severity || b.id - a.id)
}

/** What still calls: alarms of severity I or II that nobody has answered, also when they are over or latched. */
export const stillCalls = (alarms: Iterable<Alarm>): Bell | null => bellOf([...alarms].filter(calls))

const calls = (alarm: Alarm) => alarm.severity <= 2 && isUnacknowledged(alarm)
const isActive = ({ state }: Alarm) => state === 'active_unacknowledged'

function bellOf(alarms: readonly Alarm[]): Bell | null {
  if (alarms.some(({ severity }) => severity === 1)) return 'critical'
  return alarms.length > 0 ? 'urgent' : null
}
