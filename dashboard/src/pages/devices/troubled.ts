/** The devices that somebody should look at first. Pure. */
import type { DeviceSummary, LinkState, Severity } from '@/api/types'
import type { LiveState } from '@/state/live'

export interface Troubled {
  readonly device: DeviceSummary
  readonly worst: Severity | null
  readonly link: LinkState
  /** Since when the link is as it is; 0: not known. */
  readonly sinceMs: number
}

/** With open alarms the gravest first, and those nobody speaks for, the latest first. */
export function troubledOf(
  devices: Iterable<DeviceSummary>,
  live: LiveState,
): { alarmed: Troubled[]; silent: Troubled[] } {
  const all = [...devices].map((device): Troubled => {
    const present = live.devices.get(device.id)
    return {
      device,
      worst: present?.worst ?? null,
      link: present?.link ?? 'unknown',
      sinceMs: present?.linkSinceMs ?? 0,
    }
  })
  return {
    alarmed: all
      .filter(({ worst }) => worst !== null)
      .sort((a, b) => (a.worst ?? 5) - (b.worst ?? 5) || a.device.id.localeCompare(b.device.id)),
    silent: all
      .filter(({ device, link }) => link === 'offline' && !device.is_on_file)
      .sort((a, b) => b.sinceMs - a.sinceMs || a.device.id.localeCompare(b.device.id)),
  }
}
