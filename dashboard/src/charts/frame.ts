/** What all charts over time have in common: colours, letters, the axis of Beijing time, how a moment is told. Pure. */
import type { Metric } from '@/api/types'
import { beijingOffsetMs } from '@/text/format'
import { font } from '@/style/font'

/** The tokens of `tokens.css`, which a canvas cannot read. */
export const chartColours = {
  line: '#4fd1c5',
  ink: '#9cafc7',
  grid: '#1e2c40',
  axis: '#33465f',
  ground: '#101824',
  panel: '#1e2c40',
  words: '#dce5f1',
} as const

/** The chart knows UTC only: shown eight hours later, its UTC reads as Beijing time. */
export const axisMs = (ms: number) => ms + beijingOffsetMs
export const fromAxisMs = (ms: number) => ms - beijingOffsetMs

export const chartFontSize = (remPx: number) => Math.round(remPx * 0.82)
export const lineWidth = (remPx: number) => Math.max(1.5, remPx * 0.12)
export const axisLabel = (remPx: number) => ({ color: chartColours.ink, fontSize: chartFontSize(remPx) })

/** To be spread into the option of every chart. */
export const chartBase = {
  useUTC: true,
  animation: false,
  // A canvas cannot inherit a font: with a name that it does not know it would draw ten pixels high, on every screen.
  textStyle: { fontFamily: font },
} as const

export const tooltipStyle = (remPx: number) => ({
  trigger: 'axis' as const,
  backgroundColor: chartColours.panel,
  borderColor: chartColours.axis,
  textStyle: { color: chartColours.words, fontSize: chartFontSize(remPx) },
  confine: true,
})

/** From one moment to another, along the lower edge; a day is named by its date. */
export const timeAxis = (span: { fromMs: number; toMs: number }, remPx: number) => ({
  type: 'time' as const,
  min: axisMs(span.fromMs),
  max: axisMs(span.toMs),
  axisLine: { onZero: false, lineStyle: { color: chartColours.axis } },
  axisLabel: { ...axisLabel(remPx), hideOverlap: true, formatter: { month: '{MM}-{dd}', day: '{MM}-{dd}' } },
  splitLine: { show: false },
})

/** The extent of an axis of states: all of them, a step apart. */
export function stateRange({ states }: Metric) {
  const codes = states.map(({ code }) => code)
  return { min: Math.min(0, ...codes), max: Math.max(1, ...codes), minInterval: 1 }
}

/** What such an axis says at a value: nothing between two states. */
export function stateWord(value: number, { states }: Metric, isEnglish: boolean): string {
  const state = states.find(({ code }) => code === value)
  return state ? (isEnglish ? state.en : state.zh) : ''
}

/** What ECharts tells of one line at the moment that is pointed at. */
export interface PointedRow {
  readonly seriesName: string
  readonly value: readonly unknown[]
}

export const pointedRows = (shown: unknown): PointedRow[] => (Array.isArray(shown) ? shown.filter(isRow) : [])

const isRow = (row: unknown): row is PointedRow =>
  typeof row === 'object' && row !== null && 'seriesName' in row && 'value' in row && Array.isArray(row.value)

/** A tooltip is markup, in which names must be no markup. */
export const escapeHtml = (raw: string) =>
  raw.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0) ?? 32};`)
