/** What ECharts is to draw of several metrics at once: a line each, an axis for each unit. Pure. */
import type { Metric } from '@/api/types'
import { beijingOffsetMs, dateTime, valueText } from '@/text/format'
import { font } from '@/style/font'
import type { Text } from '@/text'
import type { ChartOption, LineSeriesOption } from './echarts'
import type { Sample } from './trendData'

/** Lines in one chart: more cannot be told apart. */
export const overlayMax = 4
/** None of the four severities' colours. */
export const overlayColours = ['#4fd1c5', '#a78bfa', '#d58cb6', '#7fb069'] as const

export interface OverlayLine {
  readonly metric: Metric
  readonly line: readonly Sample[]
}

export interface OverlayView {
  readonly lines: readonly OverlayLine[]
  readonly fromMs: number
  readonly toMs: number
  readonly remPx: number
  readonly isEnglish: boolean
  readonly text: Text
}

const colours = { ink: '#9cafc7', grid: '#1e2c40', axis: '#33465f', panel: '#1e2c40' }
const axisMs = (ms: number) => ms + beijingOffsetMs

/** The units of the lines, each once, in their order: one axis each. */
export function unitsOf(lines: readonly OverlayLine[]): string[] {
  return [...new Set(lines.map(({ metric }) => metric.unit))]
}

export function overlayOption(view: OverlayView): ChartOption {
  const { lines, remPx } = view
  const units = unitsOf(lines)
  const fontSize = Math.round(remPx * 0.82)
  return {
    useUTC: true,
    animation: false,
    textStyle: { fontFamily: font },
    grid: {
      left: remPx * (units.length > 2 ? 4 : 0.7),
      right: remPx * (units.length > 3 ? 4 : 1.2),
      top: remPx * 2,
      bottom: remPx * 0.4,
      containLabel: true,
    },
    tooltip: {
      trigger: 'axis',
      backgroundColor: colours.panel,
      borderColor: colours.axis,
      textStyle: { color: '#dce5f1', fontSize },
      confine: true,
      formatter: (shown) => overlayTooltip(shown, view),
    },
    dataZoom: [{ type: 'inside', filterMode: 'none', zoomOnMouseWheel: 'ctrl' }],
    xAxis: {
      type: 'time',
      min: axisMs(view.fromMs),
      max: axisMs(view.toMs),
      axisLine: { lineStyle: { color: colours.axis } },
      axisLabel: { color: colours.ink, fontSize, hideOverlap: true },
      splitLine: { show: false },
    },
    yAxis: units.map((unit, index) => ({
      type: 'value' as const,
      scale: true,
      name: unit,
      nameTextStyle: { color: colours.ink, fontSize },
      // Left, right, and then a second one on either side.
      position: index % 2 === 0 ? ('left' as const) : ('right' as const),
      offset: index < 2 ? 0 : remPx * 3.4,
      axisLabel: { color: colours.ink, fontSize },
      splitLine: { show: index === 0, lineStyle: { color: colours.grid } },
    })),
    series: lines.map(({ metric, line }, index): LineSeriesOption => {
      const colour = overlayColours[index % overlayColours.length] ?? colours.ink
      return {
        type: 'line',
        name: metric.name,
        yAxisIndex: units.indexOf(metric.unit),
        data: line.map(([atMs, value]) => [axisMs(atMs), value]),
        showSymbol: false,
        connectNulls: false,
        ...(metric.states.length > 0 && { step: 'end' as const }),
        lineStyle: { color: colour, width: Math.max(1.5, remPx * 0.12) },
        itemStyle: { color: colour },
      }
    }),
  }
}

/** All lines at one moment, as markup in which names are no markup. */
export function overlayTooltip(shown: unknown, { lines, isEnglish, text }: OverlayView): string {
  const rows = Array.isArray(shown) ? shown.filter(isRow) : []
  const at = rows[0]?.value[0]
  if (typeof at !== 'number') return ''
  const told = rows.flatMap(({ seriesName, value }) => {
    const metric = lines.find((line) => line.metric.name === seriesName)?.metric
    const number = value[1]
    if (!metric) return []
    const name = isEnglish ? metric.title_en : metric.title_zh
    const words = typeof number === 'number' ? valueText(number, metric, isEnglish, text) : text.trend.gap
    return [`${escapeHtml(name)}: <b>${escapeHtml(`${words} ${metric.unit}`)}</b>`]
  })
  return [dateTime(at - beijingOffsetMs), ...told].join('<br>')
}

interface Row {
  seriesName: string
  value: readonly unknown[]
}

const isRow = (row: unknown): row is Row =>
  typeof row === 'object' && row !== null && 'seriesName' in row && 'value' in row && Array.isArray(row.value)

const escapeHtml = (raw: string) =>
  raw.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0) ?? 32};`)
