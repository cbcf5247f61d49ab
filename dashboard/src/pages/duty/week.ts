/** Weeks and days of a roster, in Beijing time, which has no summer time. */
import type { Shift } from '@/api/types'
import { beijingOffsetMs, dateTime } from '@/text/format'

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

/** `08:00–20:00`; of a shift longer than a day with the dates: `11-23 00:00–11-30 00:00`. */
export function hoursOf({ from_ms, to_ms }: Shift): string {
  const start = to_ms - from_ms > dayMs ? 5 : 11
  return `${dateTime(from_ms).slice(start, 16)}–${dateTime(to_ms).slice(start, 16)}`
}

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
