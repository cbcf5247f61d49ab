/** What ECharts is to draw of calls in ten minutes: bars, targets, the bound of a flood. Pure. */
import type { AlarmQuality } from '@/api/types'
import type { ChartOption } from '@/charts/echarts'
import { beijingOffsetMs, dateTime } from '@/text/format'
import { font } from '@/style/font'
import type { Text } from '@/text'

/** More bars than this melt into each other: neighbours are then joined, and the worst of them shown. */
const mostBars = 300
/** EEMUA 191: mean target and what is still tolerable, and where a flood begins. */
const bounds = { target: 1, worst: 2, flood: 10 } as const

const colours = {
  good: '#4fbf7c',
  tolerable: '#f2b93b',
  bad: '#ff5a52',
  ink: '#9cafc7',
  axis: '#33465f',
  grid: '#1e2c40',
}

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
  const fontSize = Math.round(remPx * 0.82)
  const highest = Math.max(bounds.flood + 2, ...bars.map(({ peak }) => peak))
  /** Two labels so near each other could not be read. */
  const hasRoom = highest <= bounds.flood * 2
  const line = (yAxis: number, name: string, color: string) => ({
    yAxis,
    name,
    label: {
      show: hasRoom || yAxis === bounds.flood,
      formatter: name,
      color,
      fontSize,
      // At the end stand the newest bars, which are looked at most.
      position: 'insideStartTop' as const,
    },
    lineStyle: { color, type: 'dashed' as const, width: 1 },
  })
  return {
    useUTC: true,
    animation: false,
    // A canvas cannot inherit a font: with a name that it does not know it would draw ten pixels high, on every screen.
    textStyle: { fontFamily: font },
    grid: { left: remPx * 0.7, right: remPx, top: remPx, bottom: remPx * 0.4, containLabel: true },
    tooltip: {
      trigger: 'axis',
      confine: true,
      backgroundColor: colours.grid,
      borderColor: colours.axis,
      textStyle: { color: '#dce5f1', fontSize },
      formatter: (shown) => {
        const [first] = Array.isArray(shown) ? shown : [shown]
        const bar = bars[first?.dataIndex ?? 0]
        return bar ? `${dateTime(bar.fromMs)}<br><b>${bar.peak}</b>` : ''
      },
    },
    // The chart knows UTC only: shown eight hours later, its UTC reads as Beijing time.
    xAxis: {
      type: 'time',
      min: quality.from_ms + beijingOffsetMs,
      max: quality.to_ms + beijingOffsetMs,
      axisLine: { lineStyle: { color: colours.axis } },
      axisLabel: { color: colours.ink, fontSize, hideOverlap: true },
      splitLine: { show: false },
    },
    yAxis: {
      type: 'value',
      min: 0,
      max: highest,
      minInterval: 1,
      axisLabel: { color: colours.ink, fontSize, showMaxLabel: false },
      splitLine: { lineStyle: { color: colours.grid } },
    },
    series: [
      {
        type: 'bar',
        barMaxWidth: remPx * 0.8,
        barMinWidth: 1,
        data: bars.map(({ fromMs, peak }) => ({
          value: [fromMs + beijingOffsetMs, peak],
          itemStyle: { color: colourOf(peak) },
        })),
        markLine: {
          silent: true,
          symbol: 'none',
          data: [
            line(bounds.target, text.quality.targetLine, colours.good),
            line(bounds.worst, text.quality.worstLine, colours.tolerable),
            line(bounds.flood, text.quality.floodLine, colours.bad),
          ],
        },
      },
    ],
  }
}
