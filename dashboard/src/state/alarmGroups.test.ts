import { describe, expect, it } from 'vitest'
import type { Alarm } from '@/api/types'
import { answerable, gather, groupOf, groupRows } from './alarmGroups'

function alarm(id: number, changes: Partial<Alarm>): Alarm {
  return {
    id,
    device: `device-${id}`,
    device_name: '',
    site: 'school',
    site_name: '实验小学',
    township: '500156001',
    rule: 'FR-01',
    title_zh: '冷库温度过高',
    title_en: 'Cold store too warm',
    severity: 3,
    state: 'active_unacknowledged',
    raised_at_ms: id,
    cause_zh: '',
    cause_en: '',
    is_latching: false,
    occurrence_count: 1,
    late_ms: 0,
    is_stored: true,
    ...changes,
  }
}

const alarms = [
  alarm(1, {}),
  alarm(2, { site: 'hotel', site_name: '酒店', severity: 1, state: 'active_acknowledged' }),
  alarm(3, { severity: 2 }),
  alarm(4, { site: 'hotel', site_name: '酒店', rule: 'GA-02', severity: 1 }),
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
