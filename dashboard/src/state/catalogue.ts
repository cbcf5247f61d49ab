/** Devices, places and kinds of devices: what changes seldom, kept for all screens and renewed when the registry is. */
import { computed, shallowRef } from 'vue'
import { getPlaces, listDevices, listProfiles } from '@/api/devices'
import type { DeviceSummary, Places, Problem, Profile, Township } from '@/api/types'
import { inLanguage } from '@/text'

export interface Catalogue {
  readonly devices: ReadonlyMap<string, DeviceSummary>
  readonly places: Places
  readonly townships: ReadonlyMap<string, Township>
  readonly profiles: ReadonlyMap<string, Profile>
}

const loaded = shallowRef<Catalogue | null>(null)
const failure = shallowRef<Problem | null>(null)
let loadCount = 0

/** null until the first answer. */
export const catalogue = computed(() => loaded.value)
export const catalogueProblem = computed(() => failure.value)

export async function loadCatalogue(): Promise<void> {
  loadCount += 1
  const mine = loadCount
  const [devices, places, profiles] = await Promise.all([listDevices(), getPlaces(), listProfiles()])
  if (mine !== loadCount) return
  if (devices.kind === 'ok' && places.kind === 'ok' && profiles.kind === 'ok') {
    failure.value = null
    loaded.value = {
      devices: new Map(devices.value.map((device) => [device.id, device])),
      places: places.value,
      townships: new Map(places.value.townships.map((township) => [township.code, township])),
      profiles: new Map(profiles.value.map((profile) => [profile.id, profile])),
    }
    return
  }
  for (const answer of [devices, places, profiles]) {
    if (answer.kind === 'problem') failure.value = answer.problem
  }
}

export function forgetCatalogue(): void {
  loadCount += 1
  loaded.value = null
  failure.value = null
}

export function townshipName(code: string): string {
  const township = loaded.value?.townships.get(code)
  return township ? inLanguage(township.name_zh, township.name_en) : code
}

/** Where a device stands; empty: it is not registered. */
export const siteName = (device: string) => loaded.value?.devices.get(device)?.site_name ?? ''

export function profileName(id: string): string {
  const profile = loaded.value?.profiles.get(id)
  return profile ? inLanguage(profile.title_zh, profile.title_en) : id
}
