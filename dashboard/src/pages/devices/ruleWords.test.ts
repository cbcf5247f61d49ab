import { describe, expect, it } from 'vitest'
import type { Metric, Rule } from '@/api/types'
import { en } from '@/text/en'
import { zhCN } from '@/text/zh-CN'
import { linesOf, returnOf } from './ruleWords'

const metric: Metric = {
  name: 'cold_store.temperature',
  title_zh: '温度',
  title_en: 'Temperature',
  unit: '°C',
  decimals: 1,
  states: [],
  stale_after_s: 60,
  latest: null,
}
const limit = {
  metric: metric.name,
  side: 'above',
  value: 8,
  deadband: 0.5,
  is_alone: true,
} as const
const rule: Rule = {
  id: 'FR-01',
  title_zh: '冷藏温度偏高',
  title_en: 'Cold store too warm',
  kind: 'levels',
  severity: 3,
  metric: metric.name,
  ways: [
    { words: { zh: '温度 > 8 °C', en: 'Temperature > 8 °C' }, for_s: 1800, severity: 3, limits: [limit] },
    { words: { zh: '温度 > 12 °C', en: 'Temperature > 12 °C' }, for_s: 0, severity: 2, limits: [] },
  ],
  besides: [],
  missing: [],
  amended: null,
  definition: '',
  version: 1,
  on_delay_s: 0,
  off_delay_s: 600,
  source: { citation_zh: '', citation_en: '', confidence: 'proposal' },
  guidance_zh: '',
  guidance_en: '',
}

describe('a rule in words', () => {
  it('names every way with its delay and its severity', () => {
    expect(linesOf(rule, true, en)).toEqual([
      { severity: 3, words: 'Temperature > 8 °C · for 30 min' },
      { severity: 2, words: 'Temperature > 12 °C' },
    ])
    expect(linesOf(rule, false, zhCN)[0]?.words).toContain('温度 > 8 °C')
  })

  it('says how it comes to an end', () => {
    expect(returnOf(rule, [metric], en)).toBe('must come back by 0.5 °C · over once gone for 10 min')
    expect(returnOf({ ...rule, ways: [], off_delay_s: 0 }, [metric], en)).toBe('')
  })
})
