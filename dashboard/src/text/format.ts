/** Numbers and times as people read them. Beijing time, whatever the browser's zone. */
import type { Metric, Point, Value } from '@/api/types'
import type { Text } from './zh-CN'

/** Beijing is eight hours ahead of UTC. */
export const beijingOffsetMs = 8 * 3_600_000
const two = (n: number) => String(n).padStart(2, '0')

interface BeijingTime {
  date: string
  time: string
  weekday: number
}

function beijing(ms: number): BeijingTime {
  // China has kept one zone without summer time since 1991, so the offset is a constant.
  const shifted = new Date(ms + beijingOffsetMs)
  return {
    date: `${shifted.getUTCFullYear()}-${two(shifted.getUTCMonth() + 1)}-${two(shifted.getUTCDate())}`,
    time: `${two(shifted.getUTCHours())}:${two(shifted.getUTCMinutes())}:${two(shifted.getUTCSeconds())}`,
    weekday: shifted.getUTCDay(),
  }
}

export const clockTime = (ms: number) => beijing(ms).time
export const clockDate = (ms: number) => beijing(ms).date
export const weekdayOf = (ms: number) => beijing(ms).weekday

/** `2026-11-22 20:14:07`. */
export function dateTime(ms: number): string {
  const { date, time } = beijing(ms)
  return `${date} ${time}`
}

/** The time alone when it is of the same Beijing day as `nowMs`, else with the month and day. */
export function shortTime(ms: number, nowMs: number): string {
  const { date, time } = beijing(ms)
  return date === beijing(nowMs).date ? time : `${date.slice(5)} ${time.slice(0, 5)}`
}

/** A span in one or two units; never negative. */
export function duration(ms: number, text: Text): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  if (seconds < 60) return text.time.seconds(seconds)
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return text.time.minutes(minutes)
  const hours = Math.floor(minutes / 60)
  if (hours < 10 && minutes % 60 !== 0) return text.time.hoursMinutes(hours, minutes % 60)
  if (hours < 48) return text.time.hours(hours)
  return text.time.days(Math.floor(hours / 24))
}

/** What is left of a span as a clock shows it: `1:07:30`, `07:30`; never negative. */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1_000))
  const hours = Math.floor(seconds / 3_600)
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  return hours > 0 ? `${hours}:${rest}` : rest
}

/** `1 234 567`: a count with thin spaces, the same in both languages. */
export const count = (n: number) => String(n).replace(/\B(?=(\d{3})+$)/g, '\u2009')

export const ago = (ms: number, text: Text) =>
  ms < 1_000 ? text.time.now : text.time.ago(duration(ms, text))

type Meaning = Pick<Metric, 'states' | 'decimals' | 'unit'>

/** The number that a state's code, a flag, or a quantity stands for; null for text and for nothing. */
export function asNumber(value: Value | null | undefined): number | null {
  if (typeof value === 'boolean') return value ? 1 : 0
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

/** A value in the metric's own words or digits, without its unit. */
export function valueText(value: Point['value'], metric: Meaning, isEnglish: boolean, text: Text): string {
  if (value === null || value === undefined) return '—'
  if (typeof value === 'string') return value
  const number = asNumber(value)
  const state = metric.states.find(({ code }) => code === number)
  if (state) return isEnglish ? state.en : state.zh
  if (typeof value === 'boolean') return value ? text.common.yes : text.common.no
  return number === null ? '—' : number.toFixed(metric.decimals)
}

/** Whether a unit belongs behind the value: words have none. */
export function hasUnit(value: Point['value'], metric: Meaning): boolean {
  return metric.unit !== '' && typeof value === 'number' && !metric.states.some(({ code }) => code === value)
}

/** Between the two languages of a note that the gateway wrote itself. */
const betweenLanguages = ' / '

/** Chinese and English of such a note; what is the same in both stands there once. */
export function halvesOf(note: string): [zh: string, en: string] {
  const parts = note.split(betweenLanguages)
  const half = parts.length / 2
  if (!Number.isInteger(half)) return [note, note]
  return [parts.slice(0, half).join(betweenLanguages), parts.slice(half).join(betweenLanguages)]
}
