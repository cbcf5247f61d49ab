import { describe, expect, it } from 'vitest'
import { namedMarks, type Mark } from './trendOption'

describe('moments in a trend', () => {
  const mark = (atMs: number, severity: Mark['severity']): Mark => ({ atMs, severity, label: '' })

  it('are named where there is room, the gravest first', () => {
    const [noticed, alarm, dangerous, later] = [mark(50, 3), mark(52, 2), mark(55, 1), mark(70, 4)] as const
    const marks = [noticed, alarm, dangerous, later]
    expect([...namedMarks({ marks, fromMs: 0, toMs: 100 })]).toEqual([dangerous, later])
    expect(namedMarks({ marks, fromMs: 40, toMs: 60 })).toEqual(new Set(marks))
  })
})
