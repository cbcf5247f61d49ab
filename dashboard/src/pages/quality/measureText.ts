/** A measure in digits, with its unit. Pure. */
import type { QualityMeasure } from '@/api/types'
import type { Text } from '@/text'
import { count, duration } from '@/text/format'

type Kind = QualityMeasure['measure']

const percents: ReadonlySet<Kind> = new Set(['flood_percent', 'top_10_percent', 'grave_percent'])

/** As many digits as say something: a mean has two, a percentage one, a count none. */
export function measureText(kind: Kind, value: number): string {
  if (percents.has(kind)) return `${trimmed(value, 1)}\u00a0%`
  return kind === 'per_10_min_mean' ? trimmed(value, 2) : count(Math.round(value))
}

const trimmed = (value: number, digits: number) => String(Number(value.toFixed(digits)))

/** How long something took; a word for what never happened. */
export const spanText = (seconds: number | null | undefined, text: Text): string =>
  seconds == null ? text.quality.none : duration(seconds * 1_000, text)
