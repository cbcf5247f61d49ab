/** A state over time as bands side by side, and what each value adds up to. Pure. */
import type { Metric, Point, StateHistory } from '@/api/types'

/** Colours of values that are told apart; with more they repeat. */
export const colourCount = 8

export interface Band {
  /** From the left, and how wide, in thousandths of the strip. */
  readonly x: number
  readonly width: number
  /** Which colour; null: nobody knows. */
  readonly colour: number | null
  readonly value: Point['value']
  readonly fromMs: number
  readonly toMs: number
}

export interface Share {
  readonly value: Point['value']
  /** Which colour; null: nobody knows. */
  readonly colour: number | null
  readonly ms: number
  /** Of the whole range. */
  readonly percent: number
  /** How many times it began; null for what nobody knows. */
  readonly count: number | null
}

/** Whether a metric is told as states rather than as a line: named codes, flags and texts. */
export function isState(metric: Metric): boolean {
  const kind = typeof metric.latest?.value
  return metric.states.length > 0 || kind === 'boolean' || kind === 'string'
}

/** A value has the same colour whatever the range shows, where its codes have names. */
function colours(history: StateHistory, metric: Metric): (value: Point['value']) => number {
  const keys: string[] = metric.states.map(({ code }) => String(code))
  const add = (value: Point['value']) => {
    if (!keys.includes(keyOf(value))) keys.push(keyOf(value))
  }
  history.totals.map(({ value }) => value).forEach(add)
  return (value) => Math.max(0, keys.indexOf(keyOf(value))) % colourCount
}

/** A flag is the code 0 or 1. */
function keyOf(value: Point['value']): string {
  return typeof value === 'boolean' ? String(Number(value)) : String(value)
}

export function bandsOf(history: StateHistory, metric: Metric): Band[] {
  const lengthMs = Math.max(1, history.to_ms - history.from_ms)
  const thousandths = (ms: number) => (ms / lengthMs) * 1_000
  const colourOf = colours(history, metric)
  return history.spans.map(({ from_ms, to_ms, value }) => ({
    x: thousandths(from_ms - history.from_ms),
    width: thousandths(to_ms - from_ms),
    colour: isKnown(value) ? colourOf(value) : null,
    value: value ?? null,
    fromMs: from_ms,
    toMs: to_ms,
  }))
}

/** The longest first, and what nobody knows at the end. */
export function sharesOf(history: StateHistory, metric: Metric): Share[] {
  const percent = (ms: number) => (100 * ms) / Math.max(1, history.to_ms - history.from_ms)
  const colourOf = colours(history, metric)
  const known = history.totals.map(({ value, ms, count }) => ({
    value,
    colour: colourOf(value),
    ms,
    percent: percent(ms),
    count,
  }))
  const unknownMs = history.unknown_ms
  if (unknownMs === 0) return known
  return [...known, { value: null, colour: null, ms: unknownMs, percent: percent(unknownMs), count: null }]
}

const isKnown = (value: Point['value'] | undefined): boolean => value !== null && value !== undefined
