import { describe, expect, it } from 'vitest'
import type { AlarmQuality, QualityFigures } from '@/api/types'
import { zhCN } from '@/text/zh-CN'
import { csvOf, qualityCsv } from './csv'
import { paceBars } from './paceOption'

const delay = { count: 1, mean_s: 40, median_s: 30 }
const figures: QualityFigures = {
  call_count: 12,
  per_10_min_mean: 1.234_5,
  per_10_min_peak: 10,
  flood_percent: 16.666,
  by_severity: [0, 1, 11, 0],
  fleeting_count: 0,
  chattering_count: 1,
  standing_count: 2,
  shelved_count: 0,
  stale_count: 0,
  acknowledge: delay,
  close: { count: 0, mean_s: null, median_s: null },
}
const quality: AlarmQuality = {
  from_ms: 0,
  to_ms: 3_600_000,
  whole: figures,
  measures: [
    {
      measure: 'per_10_min_mean',
      value: 1.234_5,
      target: 1,
      worst: 2,
      verdict: 'tolerable',
      confidence: 'verified',
    },
  ],
  slot_ms: 600_000,
  slots: [1, 10, 0, 1, 0, 0],
  operators: [{ operator: 'zhang', acknowledge: delay, close: delay }],
  offices: [{ ...figures, office: 'furong', measures: [] }],
  townships: [{ ...figures, township: '500156001', measures: [] }],
  devices: [],
  bad_actors: [],
}

describe('the table for a spreadsheet', () => {
  it('quotes what must be quoted, and lets nothing become a formula', () => {
    expect(csvOf([['a "b"', '1,2', '=SUM(A1)', 3, null]])).toBe(`"a ""b""","1,2",'=SUM(A1),3,\r\n`)
  })

  it('has measures with targets, and a row a township', () => {
    const text = qualityCsv(quality, { townshipName: () => '凤山街道', officeName: () => '芙蓉所' }, zhCN)
    expect(text).toContain('每 10 分钟呼叫（平均）,1.23,目标 ≤\u00a01，可容忍 ≤\u00a02,可容忍')
    expect(text).toContain('zhang,1,30,1,30\r\n')
    expect(text).toContain('芙蓉所,12,1.23,10,')
    expect(text).toContain('凤山街道,12,1.23,10,16.67,1,0,2,0,0,30,\r\n')
  })
})

describe('the bars of a long time', () => {
  it('are joined, and show the worst of what they join', () => {
    const long = { ...quality, slots: Array.from({ length: 900 }, (_, at) => (at === 451 ? 30 : 1)) }
    const bars = paceBars(long)
    expect(bars.length).toBe(300)
    expect(bars[150]).toEqual({ fromMs: 450 * 600_000, peak: 30 })
    expect(paceBars(quality).map(({ peak }) => peak)).toEqual(quality.slots)
  })
})
