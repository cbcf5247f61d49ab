/** What the storage page reckons from the gateway's figures. */
import type { Storage } from '@/api/types'

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const

/** `3.4 GiB`: bytes with three digits at most. */
export function bytes(n: number): string {
  let value = n
  let unit = 0
  while (value >= 1_000 && unit < units.length - 1) {
    value /= 1_024
    unit += 1
  }
  return `${value >= 100 || unit === 0 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`
}

/** How much of its disk the database takes, from 0 to 1; null: a server keeps it. */
export function usedShare({
  database_bytes: used,
  disk_free_bytes: free,
}: Pick<Storage, 'database_bytes' | 'disk_free_bytes'>): number | null {
  return free == null || used + free === 0 ? null : used / (used + free)
}

/** Less than a week left is a matter for tonight, less than a quarter of a year for a purchase. */
export function urgency(daysUntilFull: number | null | undefined): 'calm' | 'soon' | 'now' {
  if (daysUntilFull == null || daysUntilFull >= 90) return 'calm'
  return daysUntilFull < 7 ? 'now' : 'soon'
}
