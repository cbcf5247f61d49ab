/** What ECharts is to draw of calls in ten minutes: bars, targets, the bound of a flood. Pure. */
import type { AlarmQuality } from '@/api/types'
import type { ChartOption } from '@/charts/echarts'
import {
  axisLabel,
  axisMs,
  chartBase,
  chartColours,
  chartFontSize,
  timeAxis,
  tooltipStyle,
} from '@/charts/frame'
import { dateTime } from '@/text/format'
import type { Text } from '@/text'

/** More bars than this melt into each other: neighbours are then joined, and the worst of them shown. */
const mostBars = 300
/** EEMUA 191: mean target and what is still tolerable, and where a flood begins. */
const bounds = { target: 1, worst: 2, flood: 10 } as const

const colours = { good: '#4fbf7c', tolerable: '#f2b93b', bad: '#ff5a52' } as const

export interface PaceBar {
  readonly fromMs: number
  readonly peak: number
}

/** The slots, or so many neighbours together that a screen can tell the bars apart; each shows its worst slot. */
export function paceBars({ slots, from_ms, slot_ms }: AlarmQuality): PaceBar[] {
  const together = Math.max(1, Math.ceil(slots.length / mostBars))
  const bars: PaceBar[] = []
  for (let at = 0; at < slots.length; at += together) {
    bars.push({ fromMs: from_ms + at * slot_ms, peak: Math.max(...slots.slice(at, at + together)) })
  }
  return bars
}

const colourOf = (peak: number) =>
  peak >= bounds.flood ? colours.bad : peak > bounds.worst ? colours.tolerable : colours.good

export function paceOption(quality: AlarmQuality, text: Text, remPx: number): ChartOption {
  const bars = paceBars(quality)
  const highest = Math.max(bounds.flood + 2, ...bars.map(({ peak }) => peak))
  /** Two labels so near each other could not be read. */
  const hasRoom = highest <= bounds.flood * 2
  const line = (yAxis: number, name: string, color: string, aside = 0) => ({
    yAxis,
    name,
    label: {
      show: hasRoom || yAxis === bounds.flood,
      formatter: name,
      color,
      fontSize: chartFontSize(remPx),
      // At the end stand the newest bars, which are looked at most.
      position: 'insideStartTop' as const,
      backgroundColor: chartColours.ground,
      offset: [aside, 0],
    },
    lineStyle: { color, type: 'dashed' as const, width: 1 },
  })
  return {
    ...chartBase,
    grid: { left: remPx * 0.7, right: remPx, top: remPx, bottom: remPx * 0.4, containLabel: true },
    tooltip: {
      ...tooltipStyle(remPx),
      formatter: (shown) => {
        const [first] = Array.isArray(shown) ? shown : [shown]
        const bar = bars[first?.dataIndex ?? 0]
        return bar ? `${dateTime(bar.fromMs)}<br><b>${bar.peak}</b>` : ''
      },
    },
    xAxis: timeAxis({ fromMs: quality.from_ms, toMs: quality.to_ms }, remPx),
    yAxis: {
      type: 'value',
      min: 0,
      max: highest,
      minInterval: 1,
      axisLabel: { ...axisLabel(remPx), showMaxLabel: false },
      splitLine: { lineStyle: { color: chartColours.grid } },
    },
    series: [
      {
        type: 'bar',
        barMaxWidth: remPx * 0.8,
        barMinWidth: 1,
        data: bars.map(({ fromMs, peak }) => ({
          value: [axisMs(fromMs), peak],
          itemStyle: { color: colourOf(peak) },
        })),
        markLine: {
          silent: true,
          symbol: 'none',
          data: [
            line(bounds.target, text.quality.targetLine, colours.good, remPx * 8),
            line(bounds.worst, text.quality.worstLine, colours.tolerable),
            line(bounds.flood, text.quality.floodLine, colours.bad),
          ],
        },
      },
    ],
  }
}
