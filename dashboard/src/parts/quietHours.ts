/** Quiet hours as people write them, and as the gateway keeps them: minutes of the day. */
import type { QuietHours } from '@/api/types'

const two = (n: number) => String(n).padStart(2, '0')

/** `22:00`. */
export const timeOf = (minute: number): string => `${two(Math.floor(minute / 60))}:${two(minute % 60)}`

/** null: it is no time of day. */
export function minuteOf(time: string): number | null {
  const [, hours, minutes] = /^(\d{1,2}):(\d{2})$/.exec(time) ?? []
  if (hours === undefined || minutes === undefined) return null
  const minute = Number(hours) * 60 + Number(minutes)
  return Number(hours) < 24 && Number(minutes) < 60 ? minute : null
}

/** What somebody begins with who wants quiet hours. */
export const usualHours: QuietHours = { from_min: 22 * 60, to_min: 7 * 60 }

export const isSameHours = (
  one: QuietHours | null | undefined,
  other: QuietHours | null | undefined,
): boolean => one?.from_min === other?.from_min && one?.to_min === other?.to_min
