/** What ECharts is to draw of one metric: line, range, limits, moments. Pure. */
import type { Metric, Rule, RuleLimit, Severity } from '@/api/types'
import { dateTime, hasUnit, valueText } from '@/text/format'
import type { Text } from '@/text'
import type { ChartOption, LineSeriesOption } from './echarts'
import {
  axisLabel,
  axisMs,
  chartBase,
  chartColours,
  chartFontSize,
  escapeHtml,
  fromAxisMs,
  lineWidth,
  pointedRows,
  stateRange,
  stateWord,
  timeAxis,
  tooltipStyle,
} from './frame'
import { extentOf, type Sample, type TrendData } from './trendData'

/** A moment to mark, such as an alarm's. */
export interface Mark {
  readonly atMs: number
  readonly severity: Severity
  readonly label: string
}

export interface TrendView {
  readonly data: TrendData
  readonly metric: Metric
  /** Those with limits on this metric are drawn. */
  readonly rules: readonly Rule[]
  readonly marks: readonly Mark[]
  readonly fromMs: number
  readonly toMs: number
  readonly remPx: number
  readonly isEnglish: boolean
  readonly text: Text
}

const severityColours: Record<Severity, string> = { 1: '#ff4d4f', 2: '#ff8f2b', 3: '#f4cc3d', 4: '#5aa9ff' }

const shifted = (samples: readonly Sample[]): Sample[] =>
  samples.map(([atMs, value]) => [axisMs(atMs), value])

export function trendOption(view: TrendView): ChartOption {
  const { data, metric, remPx } = view
  const hasStates = metric.states.length > 0
  // A state, a floor, a count: it is what it was until it is something else.
  const isStepped = hasStates || (metric.unit === '' && metric.decimals === 0)
  return {
    ...chartBase,
    grid: {
      left: remPx * 0.7,
      right: remPx * 1.2,
      top: remPx * (view.marks.length > 0 ? 2.8 : 1.6),
      bottom: remPx * 0.4,
      containLabel: true,
    },
    tooltip: { ...tooltipStyle(remPx), formatter: (shown) => tooltip(shown, view) },
    dataZoom: [{ type: 'inside', filterMode: 'none', zoomOnMouseWheel: 'ctrl' }],
    xAxis: timeAxis(view, remPx),
    yAxis: {
      type: 'value',
      ...yRange(view),
      ...(isStepped && { minInterval: 1 }),
      axisLabel: {
        ...axisLabel(remPx),
        // The ends of the axis are chosen for room, not for round numbers.
        showMinLabel: hasStates,
        showMaxLabel: hasStates,
        formatter: (value: number) => valueLabel(value, view),
      },
      splitLine: { lineStyle: { color: chartColours.grid } },
    },
    series: [
      ...band(data),
      {
        type: 'line',
        name: 'value',
        data: shifted(data.line),
        showSymbol: lonely(data.line),
        symbolSize: remPx * 0.3,
        ...(isStepped && { step: 'end' as const }),
        lineStyle: { color: chartColours.line, width: lineWidth(remPx) },
        itemStyle: { color: chartColours.line },
        connectNulls: false,
        markLine: {
          silent: true,
          symbol: 'none',
          animation: false,
          data: [...limitLines(view), ...momentLines(view)],
        },
      },
    ],
  }
}

/** A reading alone between two holes would be a line of no length: then the points themselves are drawn. */
function lonely(line: readonly Sample[]): boolean {
  return line.some(
    ([, value], index) =>
      value !== null && (line[index - 1]?.[1] ?? null) === null && (line[index + 1]?.[1] ?? null) === null,
  )
}

/** From the smallest to the largest of each bucket: a floor that is not seen, and the height above it. */
function band({ low, high }: TrendData): LineSeriesOption[] {
  if (low.length === 0) return []
  const height: Sample[] = high.map(([atMs, most], index) => {
    const least = low[index]?.[1] ?? null
    return [atMs, most === null || least === null ? null : most - least]
  })
  const shared: LineSeriesOption = {
    type: 'line',
    stack: 'range',
    stackStrategy: 'all',
    symbol: 'none',
    lineStyle: { opacity: 0 },
    silent: true,
  }
  return [
    { ...shared, name: 'low', data: shifted(low) },
    {
      ...shared,
      name: 'height',
      data: shifted(height),
      areaStyle: { color: chartColours.line, opacity: 0.16 },
    },
  ]
}

interface Limit {
  readonly rule: Rule
  readonly severity: Severity
  readonly limit: RuleLimit
  /** Rules of one number stand at one line: they are named together. */
  readonly label: string
}

const signs: Record<RuleLimit['side'], string> = { above: '>', at_least: '≥', below: '<' }

/** Every limit that a rule compares this metric with, of every level and combination; one line for each number and severity. */
export function limitsOf({ rules, metric }: Pick<TrendView, 'rules' | 'metric'>): Limit[] {
  const limits = new Map<string, Limit>()
  for (const rule of rules) {
    for (const { severity, limits: of } of rule.ways) {
      for (const limit of of) {
        if (limit.metric !== metric.name) continue
        const key = `${limit.side} ${limit.value} ${severity}`
        const known = limits.get(key)
        const names = known === undefined ? rule.id : namedWith(known.label, rule.id)
        // What stands alone is drawn as that, also when it is part of a combination elsewhere.
        const drawn = known?.limit.is_alone ? known.limit : limit
        limits.set(key, { rule, severity, limit: drawn, label: names })
      }
    }
  }
  return [...limits.values()]
}

const namedWith = (names: string, id: string) => (names.split(' ').includes(id) ? names : `${names} ${id}`)

function limitLines(view: TrendView) {
  return limitsOf(view).map(({ severity, label, limit }) => ({
    yAxis: limit.value,
    lineStyle: {
      color: severityColours[severity],
      // Dotted: something else has to be the case as well.
      type: limit.is_alone ? ('dashed' as const) : ('dotted' as const),
      width: 1.5,
    },
    label: {
      formatter: `${label}  ${signs[limit.side]} ${limit.value} ${view.metric.unit}`,
      position: limit.side === 'below' ? ('insideStartBottom' as const) : ('insideStartTop' as const),
      color: severityColours[severity],
      fontSize: chartFontSize(view.remPx),
    },
  }))
}

/** So much of the width two labels of moments must be apart to be read. */
const labelShare = 0.1

/** Of moments near each other only the gravest is named; all of them are drawn. */
export function namedMarks({ marks, fromMs, toMs }: Pick<TrendView, 'marks' | 'fromMs' | 'toMs'>): Set<Mark> {
  const apartMs = (toMs - fromMs) * labelShare
  const named = new Set<Mark>()
  for (const mark of [...marks].sort((one, other) => one.severity - other.severity)) {
    if ([...named].every(({ atMs }) => Math.abs(atMs - mark.atMs) >= apartMs)) named.add(mark)
  }
  return named
}

function momentLines(view: TrendView) {
  const marks = view.marks.filter(({ atMs }) => atMs >= view.fromMs && atMs <= view.toMs)
  const named = namedMarks({ ...view, marks })
  return marks.map((mark) => {
    const { atMs, severity, label } = mark
    return {
      xAxis: axisMs(atMs),
      lineStyle: { color: severityColours[severity], type: 'solid' as const, width: 1.5, opacity: 0.8 },
      label: {
        show: named.has(mark),
        formatter: label,
        position: 'end' as const,
        color: severityColours[severity],
        fontSize: chartFontSize(view.remPx),
      },
    }
  })
}

/** Everything drawn and every limit in sight, with a little room. */
function yRange(view: TrendView): { min: number; max: number } | object {
  if (view.metric.states.length > 0) return stateRange(view.metric)
  const drawn = extentOf(view.data)
  const limits = limitsOf(view).map(({ limit }) => limit.value)
  const numbers = [...(drawn ?? []), ...limits]
  if (numbers.length === 0) return {}
  const least = Math.min(...numbers)
  const most = Math.max(...numbers)
  const room = Math.max((most - least) * 0.08, 10 ** -view.metric.decimals)
  return { min: least - room, max: most + room }
}

function valueLabel(value: number, view: TrendView): string {
  const { metric, isEnglish } = view
  if (metric.states.length > 0) return stateWord(value, metric, isEnglish)
  return String(Number(value.toFixed(metric.decimals)))
}

function tooltip(shown: unknown, { metric, isEnglish, text }: TrendView): string {
  const rows = pointedRows(shown)
  const of = (name: string) => rows.find((row) => row.seriesName === name)?.value
  const value = of('value')
  const [at, number] = value ?? []
  if (typeof at !== 'number') return ''
  const words = (n: number) => {
    const unit = hasUnit(n, metric) ? ` ${metric.unit}` : ''
    return escapeHtml(valueText(n, metric, isEnglish, text) + unit)
  }
  const lines = [dateTime(fromAxisMs(at))]
  lines.push(typeof number === 'number' ? `<b>${words(number)}</b>` : text.trend.gap)
  const low = of('low')?.[1]
  const height = of('height')?.[1]
  if (typeof low === 'number' && typeof height === 'number') {
    lines.push(`${text.trend.minMax}: ${words(low)} – ${words(low + height)}`)
  }
  return lines.join('<br>')
}
