import { describe, expect, it } from 'vitest'
import type { AlarmCount, DeviceSummary, LinkState, Township } from '@/api/types'
import { categoryStatus, districtStatus } from './district'
import { emptyLive, type LiveState } from './live'

const township = (code: string): Township => ({
  code,
  name_zh: code,
  name_en: code,
  latitude_deg: 29,
  longitude_deg: 107,
})

const device = (id: string, place: string, isCamera = false): DeviceSummary => ({
  id,
  name: id,
  profile: isCamera ? 'kitchen_camera' : 'elevator',
  site: 's',
  site_name: '',
  township: place,
  owner: 'o',
  owner_name: '',
  node: 'n',
  is_camera: isCamera,
  is_on_file: false,
  nameplate: {},
})

const count = (place: string, profile: string, changes: Partial<AlarmCount>): AlarmCount => ({
  township: place,
  profile,
  waiting: [0, 0, 0, 0],
  answered: [0, 0, 0, 0],
  set_aside: [0, 0, 0, 0],
  ...changes,
})

const licence: DeviceSummary = { ...device('licence', 'a'), profile: 'food_business', is_on_file: true }
const devices = [device('lift', 'a'), device('camera', 'a', true), device('other', 'b'), licence]
const link = (state: LinkState) => ({ link: state, linkSinceMs: 0, worst: null, values: new Map() })
const live: LiveState = {
  ...emptyLive,
  devices: new Map([
    ['lift', link('online')],
    ['camera', link('offline')],
    ['stranger', link('online')],
  ]),
  alarmCounts: new Map([
    ['a elevator', count('a', 'elevator', { waiting: [0, 1, 0, 0] })],
    ['a kitchen_camera', count('a', 'kitchen_camera', { answered: [0, 0, 0, 1] })],
  ]),
}

describe('districtStatus', () => {
  const { total, townships } = districtStatus([township('a'), township('b')], devices, live)

  it('counts devices, links and alarms of each township', () => {
    expect(townships[0]).toMatchObject({
      deviceCount: 2,
      onlineCount: 1,
      cameraCount: 1,
      onlineCameraCount: 0,
      openAlarms: [0, 1, 0, 1],
      unacknowledgedCount: 1,
      worst: 2,
    })
  })

  it('counts the alarms of what is on paper, and nothing else of it', () => {
    const kitchens = { ...count('a', 'food_business', { waiting: [0, 0, 1, 0] }), township: 'a' }
    const lapsed = { ...live, alarmCounts: new Map([['a food_business', kitchens]]) }
    expect(districtStatus([township('a')], [licence], lapsed).total).toMatchObject({
      deviceCount: 0,
      onlineCount: 0,
      openAlarms: [0, 0, 1, 0],
    })
  })

  it('calls a device offline of which nothing is known', () => {
    expect(townships[1]).toMatchObject({ deviceCount: 1, onlineCount: 0, worst: null })
  })

  it('sums up without devices that nobody registered', () => {
    expect(total).toMatchObject({ deviceCount: 3, onlineCount: 1, openAlarms: [0, 1, 0, 1] })
  })
})

describe('categoryStatus', () => {
  it('counts by kind, in the order of the screens, and leaves out what is not there', () => {
    const kinds = categoryStatus(
      (profile) => (profile === 'elevator' ? 'elevator' : 'kitchen'),
      new Map(devices.map((each) => [each.id, each])),
      live,
    )
    expect(kinds.map(({ category, deviceCount, worst }) => [category, deviceCount, worst])).toEqual([
      ['kitchen', 1, 4],
      ['elevator', 2, 2],
    ])
  })
})
