import { describe, expect, it } from 'vitest'
import type { DeviceSummary, LinkState, Severity } from '@/api/types'
import { emptyLive, type LiveState } from '@/state/live'
import { troubledOf } from './troubled'

const devices = ['a', 'b', 'c', 'd', 'licence'].map((id): DeviceSummary => ({
  id,
  name: id,
  profile: 'cold_store',
  site: 'kitchen',
  site_name: 'Kitchen',
  township: '500156001',
  owner: 'school',
  owner_name: 'School',
  node: 'edge-1',
  is_camera: false,
  is_on_file: id === 'licence',
  nameplate: {},
}))
const present = (worst: Severity | null, link: LinkState, linkSinceMs: number) => ({
  worst,
  link,
  linkSinceMs,
  values: new Map(),
})
const live: LiveState = {
  ...emptyLive,
  devices: new Map([
    ['a', present(3, 'online', 1)],
    ['b', present(1, 'offline', 5)],
    ['c', present(null, 'offline', 9)],
    // Its node is dark; on paper nothing falls silent.
    ['licence', present(null, 'offline', 9)],
  ]),
}

describe('the devices to look at first', () => {
  it('are those with the gravest alarms, and those that fell silent last', () => {
    const { alarmed, silent } = troubledOf(devices, live)
    expect(alarmed.map(({ device }) => device.id)).toEqual(['b', 'a'])
    expect(silent.map(({ device }) => device.id)).toEqual(['c', 'b'])
  })
})
