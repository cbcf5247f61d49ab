/** Weeks and days of a roster, in Beijing time, which has no summer time. */
import type { Shift } from '@/api/types'
import { beijingOffsetMs } from '@/text/format'

export const dayMs = 24 * 3_600_000
export const weekMs = 7 * dayMs

/** The Beijing midnight on which the day of `ms` begins. */
export const dayStart = (ms: number) => Math.floor((ms + beijingOffsetMs) / dayMs) * dayMs - beijingOffsetMs

/** The Monday, 00:00 in Beijing, on which the week of `ms` begins. */
export function weekStart(ms: number): number {
  const day = dayStart(ms)
  const weekday = new Date(day + beijingOffsetMs).getUTCDay()
  return day - ((weekday + 6) % 7) * dayMs
}

const minuteMs = 60_000

/** How far a browser's zone lies behind UTC at that moment, in milliseconds; in Beijing −8 h. */
const zoneBehindMs = (ms: number) => new Date(ms).getTimezoneOffset() * minuteMs

/** A moment for a picker that shows the browser's zone, so that it shows Beijing time. */
export const toPicker = (ms: number, behindMs = zoneBehindMs(ms)) => ms + beijingOffsetMs + behindMs

/** The moment that such a picker means. */
export const fromPicker = (ms: number, behindMs = zoneBehindMs(ms)) => ms - beijingOffsetMs - behindMs

/** What of a day somebody is on duty, as parts of that day from 0 to 1. */
export interface Stretch {
  readonly shift: Shift
  readonly from: number
  readonly to: number
}

export function stretchesOf(shifts: readonly Shift[], day: number): readonly Stretch[] {
  return shifts
    .filter(({ from_ms, to_ms }) => from_ms < day + dayMs && to_ms > day)
    .map((shift) => ({
      shift,
      from: Math.max(0, (shift.from_ms - day) / dayMs),
      to: Math.min(1, (shift.to_ms - day) / dayMs),
    }))
}
