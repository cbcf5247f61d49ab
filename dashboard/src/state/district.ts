/** Counts of the district and its townships, from the live state: the board and the list can then never disagree. */
import type { AlarmCount, BySeverity, Category, DeviceSummary, Severity, Township } from '@/api/types'
import type { LiveState } from './live'

/** In the order of the screens. */
export const categories: readonly Category[] = [
  'kitchen',
  'elevator',
  'boiler',
  'gas',
  'ride',
  'vessel',
  'crane',
  'edge',
]

export interface PlaceStatus {
  readonly deviceCount: number
  readonly onlineCount: number
  readonly cameraCount: number
  readonly onlineCameraCount: number
  /** Open alarms by severity, I to IV. */
  readonly openAlarms: BySeverity
  readonly unacknowledgedCount: number
  readonly worst: Severity | null
}

export interface TownshipStatus extends PlaceStatus {
  readonly township: Township
}

interface Counting {
  devices: number
  online: number
  cameras: number
  onlineCameras: number
  open: BySeverity
  unacknowledged: number
}

const nothing = (): Counting => ({
  devices: 0,
  online: 0,
  cameras: 0,
  onlineCameras: 0,
  open: [0, 0, 0, 0],
  unacknowledged: 0,
})

/** One entry a township, also those without devices, in the order given; and the sum of all. */
export function districtStatus(
  townships: readonly Township[],
  devices: Iterable<DeviceSummary>,
  live: LiveState,
): { total: PlaceStatus; townships: TownshipStatus[] } {
  const total = nothing()
  const counts = new Map(townships.map(({ code }) => [code, nothing()]))
  const of = (code: string) => [total, counts.get(code)].filter((count) => count !== undefined)

  for (const device of devices) {
    for (const count of of(device.township)) countDevice(count, device, live)
  }
  for (const alarms of live.alarmCounts.values()) {
    for (const count of of(alarms.township)) countAlarms(count, alarms)
  }
  return {
    total: settle(total),
    townships: townships.map((township) => ({ township, ...settle(counts.get(township.code) ?? nothing()) })),
  }
}

function countDevice(count: Counting, device: DeviceSummary, live: LiveState): void {
  if (device.is_on_file) return
  const isCamera = device.is_camera
  const isOnline = live.devices.get(device.id)?.link === 'online'
  count.devices += 1
  if (isOnline) count.online += 1
  if (isCamera) count.cameras += 1
  if (isCamera && isOnline) count.onlineCameras += 1
}

function countAlarms(count: Counting, { waiting, answered, set_aside }: AlarmCount): void {
  const all = [waiting, answered, set_aside]
  const sum = (at: 0 | 1 | 2 | 3) => all.reduce((total, each) => total + each[at], count.open[at])
  count.open = [sum(0), sum(1), sum(2), sum(3)]
  count.unacknowledged += waiting.reduce((total, each) => total + each, 0)
}

function settle(count: Counting): PlaceStatus {
  return {
    deviceCount: count.devices,
    onlineCount: count.online,
    cameraCount: count.cameras,
    onlineCameraCount: count.onlineCameras,
    openAlarms: count.open,
    unacknowledgedCount: count.unacknowledged,
    worst: worstOf(count.open),
  }
}

function worstOf([i, ii, iii, iv]: PlaceStatus['openAlarms']): Severity | null {
  if (i > 0) return 1
  if (ii > 0) return 2
  if (iii > 0) return 3
  return iv > 0 ? 4 : null
}

export interface CategoryStatus extends PlaceStatus {
  readonly category: Category
}

/** The same counts by kind of equipment, for the kinds that are there. */
export function categoryStatus(
  categoryOf: (profile: string) => Category | undefined,
  devices: ReadonlyMap<string, DeviceSummary>,
  live: LiveState,
): CategoryStatus[] {
  const counts = new Map<Category, Counting>()
  for (const device of devices.values()) {
    const category = categoryOf(device.profile)
    if (!category) continue
    const count = counts.get(category) ?? nothing()
    counts.set(category, count)
    countDevice(count, device, live)
  }
  for (const alarms of live.alarmCounts.values()) {
    const category = categoryOf(alarms.profile ?? '')
    const count = category && counts.get(category)
    if (count) countAlarms(count, alarms)
  }
  return categories.flatMap((category) => {
    const count = counts.get(category)
    return count ? [{ category, ...settle(count) }] : []
  })
}
