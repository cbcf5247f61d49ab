/** What ECharts is to draw of several metrics at once: a line each, an axis for each unit or set of states. Pure. */
import type { Metric } from '@/api/types'
import { dateTime, hasUnit, valueText } from '@/text/format'
import type { Text } from '@/text'
import type { ChartOption, LineSeriesOption } from './echarts'
import {
  axisLabel,
  axisMs,
  chartBase,
  chartColours,
  escapeHtml,
  fromAxisMs,
  lineWidth,
  pointedRows,
  stateRange,
  stateWord,
  timeAxis,
  tooltipStyle,
} from './frame'
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

/** What an axis stands for: a unit, or states with the same words. */
const scaleOf = ({ unit, states }: Metric) => (states.length > 0 ? JSON.stringify(states) : unit)

/** The scales of the lines, each once, in their order: one axis each; the metric speaks for all on its axis. */
export function scalesOf(lines: readonly OverlayLine[]): Metric[] {
  const scales = new Map<string, Metric>()
  for (const { metric } of lines) {
    const scale = scaleOf(metric)
    if (!scales.has(scale)) scales.set(scale, metric)
  }
  return [...scales.values()]
}

export function overlayOption(view: OverlayView): ChartOption {
  const { lines, remPx } = view
  const scales = scalesOf(lines)
  return {
    ...chartBase,
    grid: {
      left: remPx * (scales.length > 2 ? 4 : 0.7),
      right: remPx * (scales.length > 3 ? 4 : 1.2),
      top: remPx * 2,
      bottom: remPx * 0.4,
      containLabel: true,
    },
    tooltip: { ...tooltipStyle(remPx), formatter: (shown) => overlayTooltip(shown, view) },
    dataZoom: [{ type: 'inside', filterMode: 'none', zoomOnMouseWheel: 'ctrl' }],
    xAxis: timeAxis(view, remPx),
    yAxis: scales.map((metric, index) => ({
      type: 'value' as const,
      name: metric.unit,
      nameTextStyle: axisLabel(remPx),
      // Left, right, and then a second one on either side.
      position: index % 2 === 0 ? ('left' as const) : ('right' as const),
      offset: index < 2 ? 0 : remPx * 3.4,
      ...(metric.states.length > 0 ? stateRange(metric) : { scale: true }),
      axisLabel: {
        ...axisLabel(remPx),
        ...(metric.states.length > 0 && {
          formatter: (value: number) => stateWord(value, metric, view.isEnglish),
        }),
      },
      splitLine: { show: index === 0, lineStyle: { color: chartColours.grid } },
    })),
    series: lines.map(({ metric, line }, index): LineSeriesOption => {
      const colour = overlayColours[index % overlayColours.length] ?? chartColours.ink
      return {
        type: 'line',
        name: metric.name,
        yAxisIndex: scales.findIndex((scale) => scaleOf(scale) === scaleOf(metric)),
        data: line.map(([atMs, value]) => [axisMs(atMs), value]),
        showSymbol: false,
        connectNulls: false,
        ...(metric.states.length > 0 && { step: 'end' as const }),
        lineStyle: { color: colour, width: lineWidth(remPx) },
        itemStyle: { color: colour },
      }
    }),
  }
}

/** All lines at one moment, as markup in which names are no markup. */
export function overlayTooltip(shown: unknown, { lines, isEnglish, text }: OverlayView): string {
  const rows = pointedRows(shown)
  const at = rows[0]?.value[0]
  if (typeof at !== 'number') return ''
  const told = rows.flatMap(({ seriesName, value }) => {
    const metric = lines.find((line) => line.metric.name === seriesName)?.metric
    const number = value[1]
    if (!metric) return []
    const name = isEnglish ? metric.title_en : metric.title_zh
    const words = typeof number === 'number' ? valueText(number, metric, isEnglish, text) : text.trend.gap
    const unit = typeof number === 'number' && hasUnit(number, metric) ? ` ${metric.unit}` : ''
    return [`${escapeHtml(name)}: <b>${escapeHtml(words + unit)}</b>`]
  })
  return [dateTime(fromAxisMs(at)), ...told].join('<br>')
}
