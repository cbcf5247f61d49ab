/**
 * Alarms of devices that nobody speaks for: what they say is what was last known.
 *
 * An alarm raised after its device was lost is about the loss itself, and is news.
 */
import type { Alarm } from '@/api/types'
import type { LiveDevice } from './live'

/** Since when nothing is known of what the alarm tells; null: it is known, or is about the loss itself. */
export function lastKnownMs(alarm: Alarm, device: LiveDevice | undefined): number | null {
  if (!device || device.link !== 'offline') return null
  const isActive = alarm.closed_at_ms == null && alarm.returned_at_ms == null
  return isActive && alarm.raised_at_ms <= device.linkSinceMs ? device.linkSinceMs : null
}
