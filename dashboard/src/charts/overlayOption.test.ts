import { describe, expect, it } from 'vitest'
import type { Metric } from '@/api/types'
import { zhCN } from '@/text/zh-CN'
import { overlayOption, overlayTooltip, scalesOf, type OverlayLine } from './overlayOption'

const line = (name: string, unit: string, states: Metric['states'] = []): OverlayLine => ({
  metric: {
    name,
    title_zh: `${name}<名>`,
    title_en: name,
    unit,
    decimals: 1,
    states,
    stale_after_s: 60,
  } satisfies Metric,
  line: [
    [1_790_000_000_000, 4.25],
    [1_790_000_060_000, null],
  ],
})
const view = (lines: readonly OverlayLine[]) => ({
  lines,
  fromMs: 1_790_000_000_000,
  toMs: 1_790_000_100_000,
  remPx: 14,
  isEnglish: false,
  text: zhCN,
})

describe('overlayOption', () => {
  const lines = [line('a', '°C'), line('b', 'MPa'), line('c', '°C'), line('d', '%')]

  it('gives each unit one axis, and each line the axis of its unit', () => {
    expect(scalesOf(lines).map(({ unit }) => unit)).toEqual(['°C', 'MPa', '%'])
    const option = overlayOption(view(lines))
    const axes = Array.isArray(option.yAxis) ? option.yAxis : []
    expect(axes.map(({ position }) => position)).toEqual(['left', 'right', 'left'])
    const series = Array.isArray(option.series) ? option.series : []
    expect(series.map((one) => ('yAxisIndex' in one ? one.yAxisIndex : -1))).toEqual([0, 1, 0, 2])
  })

  it('gives states an axis of their own, in words', () => {
    const states = [
      { code: 0, zh: '停止', en: 'stopped' },
      { code: 1, zh: '运行', en: 'running' },
    ]
    const mixed = [line('floor', ''), line('burner', '', states), line('pump', '', [...states])]
    expect(scalesOf(mixed).map(({ name }) => name)).toEqual(['floor', 'burner'])
    const option = overlayOption(view(mixed))
    const axes = Array.isArray(option.yAxis) ? option.yAxis : []
    expect(axes[1]).toMatchObject({ min: 0, max: 1, minInterval: 1 })
    const series = Array.isArray(option.series) ? option.series : []
    expect(series.map((one) => ('yAxisIndex' in one ? one.yAxisIndex : -1))).toEqual([0, 1, 1])
  })

  it('tells all lines at a moment, with their units, and never as markup', () => {
    const at = 1_790_000_000_000 + 8 * 3_600_000
    const rows = [
      { seriesName: 'a', value: [at, 4.25] },
      { seriesName: 'b', value: [at, null] },
    ]
    const told = overlayTooltip(rows, view(lines))
    expect(told).toContain('2026-09-21 22:13:20')
    expect(told).toContain('a&#60;名&#62;: <b>4.3 °C</b>')
    expect(told).toContain(`<b>${zhCN.trend.gap}</b>`)
  })
})
