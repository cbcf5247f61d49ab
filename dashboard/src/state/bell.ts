/** Which bell a change of the open alarms asks for. */
import type { Alarm } from '@/api/types'

export type Bell = 'critical' | 'urgent'

/**
 * New alarms of severity I or II ring, and so do those that came back unanswered. What a page finds open when it is
 * loaded rings too: whoever has just come does not know it.
 */
export function ring(
  before: ReadonlyMap<number, Alarm> | null,
  after: ReadonlyMap<number, Alarm>,
): Bell | null {
  let bell: Bell | null = null
  for (const alarm of after.values()) {
    if (alarm.severity > 2 || alarm.state !== 'active_unacknowledged') continue
    if (before?.get(alarm.id)?.state === 'active_unacknowledged') continue
    if (alarm.severity === 1) return 'critical'
    bell = 'urgent'
  }
  return bell
}
