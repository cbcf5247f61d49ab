/** The tree township → site → device, flattened to the rows in sight. Pure. */
import type { Category, DeviceSummary, LinkState, Severity, Township } from '@/api/types'
import type { LiveState } from '@/state/live'

export interface DeviceFilter {
  readonly search: string
  readonly category: Category | null
  readonly township: string | null
  /** `all`, only those nobody speaks for, or only those with an open alarm. */
  readonly only: 'all' | 'offline' | 'alarm'
}

interface Counts {
  readonly deviceCount: number
  readonly onlineCount: number
  readonly worst: Severity | null
}

export type TreeRow =
  | ({
      readonly kind: 'township'
      readonly key: string
      readonly township: Township
      isOpen: boolean
    } & Counts)
  | ({ readonly kind: 'site'; readonly key: string; readonly name: string; readonly owner: string } & Counts)
  | {
      readonly kind: 'device'
      readonly key: string
      readonly device: DeviceSummary
      /** null: on paper. */
      readonly link: LinkState | null
      readonly worst: Severity | null
    }

export interface TreeSource {
  readonly townships: readonly Township[]
  readonly devices: Iterable<DeviceSummary>
  readonly categoryOf: (profile: string) => Category | undefined
  readonly live: LiveState
}

/** Rows in order; a township in `closed` shows its own row only, unless something is searched for. */
export function treeRows(source: TreeSource, filter: DeviceFilter, closed: ReadonlySet<string>): TreeRow[] {
  const worstOf = ({ id }: DeviceSummary) => source.live.devices.get(id)?.worst ?? null
  /** null: something on paper, for which nobody speaks. */
  const linkOf = ({ id, is_on_file }: DeviceSummary) =>
    is_on_file ? null : (source.live.devices.get(id)?.link ?? 'unknown')
  const words = filter.search.toLowerCase().split(/\s+/).filter(Boolean)
  const chosen = [...source.devices].filter(
    (device) =>
      (filter.category === null || source.categoryOf(device.profile) === filter.category) &&
      (filter.township === null || device.township === filter.township) &&
      (filter.only !== 'offline' || isSilent(linkOf(device))) &&
      (filter.only !== 'alarm' || worstOf(device) !== null) &&
      matches(device, words),
  )
  const counts = (devices: readonly DeviceSummary[]): Counts => ({
    deviceCount: devices.filter((device) => linkOf(device) !== null).length,
    onlineCount: devices.filter((device) => linkOf(device) === 'online').length,
    worst: devices.reduce<Severity | null>((worst, device) => worse(worst, worstOf(device)), null),
  })

  const byTownship = groupBy(chosen, ({ township }) => township)
  return source.townships.flatMap((township) => {
    const here = byTownship.get(township.code)
    if (!here) return []
    const isOpen = words.length > 0 || !closed.has(township.code)
    const head: TreeRow = { kind: 'township', key: township.code, township, isOpen, ...counts(here) }
    return isOpen ? [head, ...siteRows(here)] : [head]
  })

  function siteRows(devices: readonly DeviceSummary[]): TreeRow[] {
    const sites = [...groupBy(devices, ({ site }) => site)]
    sites.sort(([, [a]], [, [b]]) => byName(a?.site_name, b?.site_name))
    return sites.flatMap(([site, here]): TreeRow[] => [
      {
        kind: 'site',
        key: `site ${site}`,
        name: here[0]?.site_name ?? site,
        owner: here[0]?.owner_name ?? '',
        ...counts(here),
      },
      ...[...here]
        .sort((a, b) => byName(a.name, b.name))
        .map((device): TreeRow => ({
          kind: 'device',
          key: `device ${device.id}`,
          device,
          link: linkOf(device),
          worst: worstOf(device),
        })),
    ])
  }
}

/** Whether somebody should speak for a device, and nobody does. */
export const isSilent = (link: LinkState | null): boolean => link !== null && link !== 'online'

function worse(a: Severity | null, b: Severity | null): Severity | null {
  if (a === null || b === null) return a ?? b
  return a < b ? a : b
}

function matches(device: DeviceSummary, words: readonly string[]): boolean {
  if (words.length === 0) return true
  const haystack = [device.id, device.name, device.site_name, device.owner_name, device.node]
    .join('\n')
    .toLowerCase()
  return words.every((word) => haystack.includes(word))
}

const byName = (a = '', b = '') => a.localeCompare(b, 'zh-CN', { numeric: true })

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}
