import { describe, expect, it } from 'vitest'
import { answerable, gather, groupOf, groupRows } from './alarmGroups'
import { sampleAlarm } from './sampleAlarm'

const alarms = [
  sampleAlarm(1, {}),
  sampleAlarm(2, { site: 'hotel', site_name: '酒店', severity: 1, state: 'active_acknowledged' }),
  sampleAlarm(3, { severity: 2 }),
  sampleAlarm(4, { site: 'hotel', site_name: '酒店', rule: 'GA-02', severity: 1 }),
]
const bySite = groupOf('site', () => null)

describe('groups', () => {
  it('stand in the order in which they need people, and count', () => {
    const heads = gather(alarms, bySite)
    expect(heads.map(({ key, count, first }) => [key, count, first.id])).toEqual([
      ['hotel', 2, 4],
      ['school', 2, 3],
    ])
    expect(heads.map(({ waiting }) => waiting)).toEqual([
      [1, 0, 0, 0],
      [0, 1, 1, 0],
    ])
  })

  it('of an edge node hold what the node speaks for', () => {
    const byEdge = groupOf('edge', (device) => (device === 'device-1' ? { id: 'n', name: '网关' } : null))
    expect(gather(alarms, byEdge).map(({ key, count }) => [key, count])).toEqual([['n', 1]])
  })

  it('show their alarms when open', () => {
    const rows = groupRows(gather(alarms, bySite), alarms, bySite, new Set(['school']))
    expect(rows.map(({ key }) => key)).toEqual(['group hotel', 'group school', 'alarm 1', 'alarm 3'])
  })

  it('are answered together, but for what endangers life', () => {
    expect(answerable(alarms)).toEqual([1, 3])
  })
})
