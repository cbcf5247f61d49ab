import { describe, expect, it } from 'vitest'
import type { Metric, Rule, RuleLimit, Severity } from '@/api/types'
import { limitsOf, namedMarks, type Mark } from './trendOption'

describe('moments in a trend', () => {
  const mark = (atMs: number, severity: Mark['severity']): Mark => ({ atMs, severity, label: '' })

  it('are named where there is room, the gravest first', () => {
    const [noticed, alarm, dangerous, later] = [mark(50, 3), mark(52, 2), mark(55, 1), mark(70, 4)] as const
    const marks = [noticed, alarm, dangerous, later]
    expect([...namedMarks({ marks, fromMs: 0, toMs: 100 })]).toEqual([dangerous, later])
    expect(namedMarks({ marks, fromMs: 40, toMs: 60 })).toEqual(new Set(marks))
  })
})

describe('limits in a trend', () => {
  const metric: Metric = {
    name: 'speed',
    title_zh: '速度',
    title_en: 'Speed',
    unit: 'm/s',
    decimals: 1,
    states: [],
    stale_after_s: 60,
    latest: null,
  }
  const limit = (value: number, is_alone = true): RuleLimit => ({
    metric: 'speed',
    side: 'above',
    value,
    deadband: 0,
    is_alone,
  })
  const rule = (id: string, ways: [Severity, RuleLimit][]): Rule => ({
    id,
    title_zh: '',
    title_en: '',
    kind: 'levels',
    severity: 1,
    metric: 'speed',
    ways: ways.map(([severity, of]) => ({ words: { zh: '', en: '' }, for_s: 0, severity, limits: [of] })),
    besides: [],
    missing: [],
    definition: '',
    on_delay_s: 0,
    off_delay_s: 0,
    source: { citation_zh: '', citation_en: '', confidence: 'proposal' },
    guidance_zh: '',
    guidance_en: '',
  })

  it('are drawn for every level, and once where they are the same', () => {
    const levels = rule('EL-01', [
      [3, limit(2)],
      [2, limit(2.3)],
    ])
    const other = rule('EL-04', [[2, limit(2.3, false)]])
    const drawn = limitsOf({ rules: [levels, other], metric })
    expect(drawn.map(({ label, severity, limit: of }) => [label, severity, of.value, of.is_alone])).toEqual([
      ['EL-01', 3, 2, true],
      ['EL-01 EL-04', 2, 2.3, true],
    ])
  })

  it('of other metrics are not drawn', () => {
    const elsewhere = rule('X', [[1, { ...limit(1), metric: 'load' }]])
    expect(limitsOf({ rules: [elsewhere], metric })).toEqual([])
  })
})
