/** The hours of the ledger as rows, each with the gaps that lie in it. Pure. */
import type { Ledger, LedgerFigures, LedgerGap } from '@/api/types'

export const hourMs = 3_600_000

export interface HourRow {
  readonly id: number
  readonly atMs: number
  readonly figures: LedgerFigures
  readonly gaps: readonly LedgerGap[]
}

/** An hour in which nothing passed. */
export const nothing: LedgerFigures = {
  produced_readings: 0,
  sent_messages: 0,
  received_messages: 0,
  received_readings: 0,
  committed_messages: 0,
  committed_readings: 0,
  duplicate_messages: 0,
  shed_messages: 0,
  shed_readings: 0,
  refused_readings: 0,
  lost_messages: 0,
  lost_readings: 0,
  uncounted_gaps: 0,
}

/** Newest first. An hour in which nothing passed and something is missing has a row as well. */
export function hourRows({ hours, gaps, from_ms: fromMs, to_ms: toMs }: Ledger): HourRow[] {
  const figures = new Map(hours.map((hour) => [hour.at_ms, hour.figures]))
  const missing = gaps.flatMap((gap) => {
    const first = Math.max(hourOf(gap.from_ms), fromMs)
    const last = Math.min(hourOf(gap.to_ms), toMs - hourMs)
    const count = Math.max(0, Math.floor((last - first) / hourMs) + 1)
    return Array.from({ length: count }, (_, index) => first + index * hourMs)
  })
  return [...new Set([...figures.keys(), ...missing])]
    .sort((one, other) => other - one)
    .map((atMs) => ({
      id: atMs,
      atMs,
      figures: figures.get(atMs) ?? nothing,
      gaps: gaps.filter((gap) => gap.from_ms < atMs + hourMs && gap.to_ms >= atMs),
    }))
}

const hourOf = (ms: number) => Math.floor(ms / hourMs) * hourMs
