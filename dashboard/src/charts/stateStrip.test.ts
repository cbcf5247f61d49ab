import { describe, expect, it } from 'vitest'
import type { Metric, StateHistory } from '@/api/types'
import { bandsOf, isState, sharesOf } from './stateStrip'

const metric = (changes: Partial<Metric>): Metric => ({
  name: 'door',
  title_zh: '门',
  title_en: 'Door',
  unit: '',
  decimals: 0,
  states: [],
  stale_after_s: 60,
  ...changes,
})
const doors = metric({
  states: [
    { code: 0, zh: '关', en: 'closed' },
    { code: 1, zh: '开', en: 'open' },
  ],
})
const history = (changes: Partial<StateHistory>): StateHistory => ({
  metric: 'door',
  from_ms: 1_000,
  to_ms: 2_000,
  stale_after_s: 60,
  spans: [],
  left_out_count: 0,
  totals: [],
  others_ms: 0,
  unknown_ms: 0,
  ...changes,
})

describe('isState', () => {
  const latest = (value: boolean | number | string) =>
    metric({ latest: { at_ms: 1, value, quality: 'good' } })
  it.each<[string, Metric, boolean]>([
    ['named codes', doors, true],
    ['a flag', latest(true), true],
    ['a text', latest('1F'), true],
    ['a quantity', latest(4.5), false],
    ['nothing yet', metric({}), false],
  ])('of %s', (_, asked, expected) => {
    expect(isState(asked)).toBe(expected)
  })
})

describe('bandsOf', () => {
  it('covers the range in thousandths, with holes where nobody knows', () => {
    const bands = bandsOf(
      history({
        spans: [
          { from_ms: 1_000, to_ms: 1_250, value: true },
          { from_ms: 1_250, to_ms: 1_500, value: null },
          { from_ms: 1_500, to_ms: 2_000, value: false },
        ],
        totals: [
          { value: false, ms: 500, count: 1 },
          { value: true, ms: 250, count: 1 },
        ],
      }),
      doors,
    )
    expect(bands.map(({ x, width, colour }) => [x, width, colour])).toEqual([
      [0, 250, 1],
      [250, 250, null],
      [500, 500, 0],
    ])
  })

  it('gives texts colours of their own', () => {
    const spans = ['1F', '2F', '1F'].map((value, index) => ({
      from_ms: 1_000 + index * 100,
      to_ms: 1_100 + index * 100,
      value,
    }))
    const totals = ['1F', '2F'].map((value) => ({ value, ms: 100, count: 1 }))
    const told = bandsOf(history({ spans, totals }), metric({}))
    expect(told.map(({ colour }) => colour)).toEqual([0, 1, 0])
  })
})

describe('sharesOf', () => {
  it('adds up to the whole, unknown time at the end', () => {
    const shares = sharesOf(history({ totals: [{ value: 1, ms: 700, count: 3 }], unknown_ms: 300 }), doors)
    expect(shares.map(({ percent, count, colour }) => [percent, count, colour])).toEqual([
      [70, 3, 1],
      [30, null, null],
    ])
  })
})
