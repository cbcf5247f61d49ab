import { describe, expect, it } from 'vitest'
import type { DeviceSummary, Township } from '@/api/types'
import { emptyLive, type LiveState } from '@/state/live'
import { treeRows, type DeviceFilter } from './deviceTree'

const township = (code: string): Township => ({
  code,
  name_zh: code,
  name_en: code,
  latitude_deg: 0,
  longitude_deg: 0,
})
const device = (id: string, place: string, site: string, profile = 'elevator'): DeviceSummary => ({
  id,
  name: `name of ${id}`,
  profile,
  site,
  site_name: site,
  township: place,
  owner: 'o',
  owner_name: '武隆中学',
  node: 'n',
  is_camera: false,
  is_on_file: false,
  nameplate: {},
})

const live: LiveState = {
  ...emptyLive,
  devices: new Map([['lift-2', { link: 'online', linkSinceMs: 0, worst: 1, values: new Map() }]]),
}
const source = {
  townships: [township('b'), township('a'), township('empty')],
  devices: [
    device('lift-10', 'a', 'school'),
    device('lift-2', 'a', 'school'),
    device('cold-1', 'b', 'hotel', 'cold_store'),
  ],
  categoryOf: (profile: string) => (profile === 'elevator' ? ('elevator' as const) : ('kitchen' as const)),
  live,
}
const whole: DeviceFilter = { search: '', category: null, township: null, only: 'all' }
const keys = (filter: Partial<DeviceFilter>, closed: string[] = []) =>
  treeRows(source, { ...whole, ...filter }, new Set(closed)).map(({ key }) => key)

describe('treeRows', () => {
  it('has townships in the order given, sites and devices by name with numbers in order', () => {
    expect(keys({})).toEqual([
      'b',
      'site hotel',
      'device cold-1',
      'a',
      'site school',
      'device lift-2',
      'device lift-10',
    ])
  })

  it('does not call offline what is on paper', () => {
    const licence = { ...device('licence', 'b', 'hotel', 'food_business'), is_on_file: true }
    const rows = (only: DeviceFilter['only']) =>
      treeRows({ ...source, devices: [...source.devices, licence] }, { ...whole, only }, new Set())
    expect(rows('offline').map(({ key }) => key)).not.toContain('device licence')
    expect(rows('all').find(({ key }) => key === 'b')).toMatchObject({ deviceCount: 1 })
    expect(rows('all').find(({ key }) => key === 'device licence')).toMatchObject({ link: null })
  })

  it('counts and carries the worst alarm up', () => {
    const row = treeRows(source, whole, new Set()).find(({ key }) => key === 'a')
    expect(row).toMatchObject({ deviceCount: 2, onlineCount: 1, worst: 1 })
  })

  it('shows a closed township alone', () => {
    expect(keys({}, ['a', 'b'])).toEqual(['b', 'a'])
  })

  it('opens closed townships for a search', () => {
    expect(keys({ search: 'LIFT-2' }, ['a', 'b'])).toEqual(['a', 'site school', 'device lift-2'])
  })

  it.each<[string, Partial<DeviceFilter>, string[]]>([
    ['a category', { category: 'kitchen' }, ['b', 'site hotel', 'device cold-1']],
    ['a township', { township: 'b' }, ['b', 'site hotel', 'device cold-1']],
    ['alarms', { only: 'alarm' }, ['a', 'site school', 'device lift-2']],
    ['offline', { only: 'offline', township: 'a' }, ['a', 'site school', 'device lift-10']],
    ['words that nothing has', { search: 'crane' }, []],
  ])('narrows to %s', (_, filter, expected) => {
    expect(keys(filter)).toEqual(expected)
  })
})
