import { describe, expect, it } from 'vitest'
import type { Ledger, LedgerFigures, LedgerGap } from '@/api/types'
import { hourRows, nothing } from './hours'

const hour = 3_600_000
const figures = (received_messages: number): LedgerFigures => ({ ...nothing, received_messages })
const gap = (from: number, to: number): LedgerGap => ({
  node: 'edge-1',
  why: 'full',
  from_ms: from * hour,
  to_ms: to * hour,
  first_seq: 1,
  last_seq: 9,
  messages: 9,
  readings: 90,
  noted_at_ms: 5 * hour,
})
const ledger = (gaps: LedgerGap[]): Ledger => ({
  from_ms: 0,
  to_ms: 5 * hour,
  total: figures(3),
  nodes: [],
  hours: [
    { at_ms: 0, figures: figures(1) },
    { at_ms: hour, figures: figures(2) },
  ],
  gaps,
})

describe('the hours of a node', () => {
  it('come newest first, each with the gaps that lie in it', () => {
    const rows = hourRows(ledger([gap(1.5, 3.2)]))
    expect(rows.map(({ atMs, gaps }) => [atMs / hour, gaps.length])).toEqual([
      [3, 1],
      [2, 1],
      [1, 1],
      [0, 0],
    ])
    expect(rows[0]?.figures.received_messages).toBe(0)
  })

  it('know nothing of what lies outside the time', () => {
    expect(hourRows(ledger([gap(-9, 0.5)])).map(({ atMs }) => atMs / hour)).toEqual([1, 0])
    expect(hourRows(ledger([])).length).toBe(2)
  })
})
