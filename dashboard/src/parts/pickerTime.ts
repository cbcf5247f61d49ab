/** Naive UI's date pickers know the browser's zone only; with these they read as Beijing time in any zone. */
import { beijingOffsetMs } from '@/text/format'

const minuteMs = 60_000

/** How far a browser's zone lies behind UTC at that moment, in milliseconds; in Beijing −8 h. */
const zoneBehindMs = (ms: number) => new Date(ms).getTimezoneOffset() * minuteMs

/** A moment for a picker that shows the browser's zone, so that it shows Beijing time. */
export const toPicker = (ms: number, behindMs = zoneBehindMs(ms)) => ms + beijingOffsetMs + behindMs

/** The moment that such a picker means. */
export const fromPicker = (ms: number, behindMs = zoneBehindMs(ms)) => ms - beijingOffsetMs - behindMs

type Range = readonly [fromMs: number, toMs: number]

export const toPickerRange = (range: Range | null): [number, number] | null =>
  range && [toPicker(range[0]), toPicker(range[1])]

export const fromPickerRange = (range: Range | null): [number, number] | null =>
  range && [fromPicker(range[0]), fromPicker(range[1])]
