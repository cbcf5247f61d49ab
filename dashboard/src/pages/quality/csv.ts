/** The figures as a table that a spreadsheet takes. Pure. */
import type { AlarmQuality, QualityFigures } from '@/api/types'
import type { Text } from '@/text'

type Cell = string | number | null | undefined

/** RFC 4180, with what a spreadsheet would take for a formula made harmless. */
export function csvOf(rows: readonly (readonly Cell[])[]): string {
  return rows.map((row) => row.map(cellText).join(',')).join('\r\n') + '\r\n'
}

function cellText(cell: Cell): string {
  if (cell === null || cell === undefined) return ''
  const plain = typeof cell === 'string' && /^[=+\-@\t]/.test(cell) ? `'${cell}` : String(cell)
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}

export function qualityCsv(
  quality: AlarmQuality,
  {
    townshipName,
    officeName,
  }: { townshipName: (code: string) => string; officeName: (id: string) => string },
  text: Text,
): string {
  const { column, measure, verdict } = text.quality
  const round = (value: number) => Math.round(value * 100) / 100
  const figures = (of: QualityFigures): Cell[] => [
    of.call_count,
    round(of.per_10_min_mean),
    of.per_10_min_peak,
    round(of.flood_percent),
    of.chattering_count,
    of.fleeting_count,
    of.standing_count,
    of.stale_count,
    of.shelved_count,
    of.acknowledge.median_s,
    of.close.median_s,
  ]
  const heads = [
    column.calls,
    column.mean,
    column.peak,
    column.flood,
    column.chatter,
    column.fleeting,
    column.standing,
    column.stale,
    column.shelved,
    `${column.acknowledge} s`,
    `${column.close} s`,
  ]
  return csvOf([
    [text.quality.title, new Date(quality.from_ms).toISOString(), new Date(quality.to_ms).toISOString()],
    ...quality.measures.map((one) => [
      measure[one.measure],
      round(one.value),
      text.quality.target(String(one.target), String(one.worst)),
      verdict[one.verdict],
    ]),
    [],
    [column.operator, column.answered, `${column.acknowledge} s`, column.ended, `${column.close} s`],
    ...quality.operators.map((one) => [
      one.operator,
      one.acknowledge.count,
      one.acknowledge.median_s,
      one.close.count,
      one.close.median_s,
    ]),
    [],
    [column.office, ...heads],
    ...quality.offices.map((one) => [officeName(one.office), ...figures(one)]),
    [],
    [column.place, ...heads],
    ...quality.townships.map((one) => [townshipName(one.township), ...figures(one)]),
    [],
    [column.device, ...heads],
    ...quality.devices.map((one) => [one.device_name, ...figures(one)]),
    [],
    [text.quality.badActors, column.rule, column.calls, `${column.share} %`, column.chatter, column.fleeting],
    ...quality.bad_actors.map((one) => [
      one.device_name,
      one.rule,
      one.call_count,
      round(one.share_percent),
      one.chatter_count,
      one.fleeting_count,
    ]),
  ])
}
