/** The pages that the navigation offers, in order of use. */
import { computed } from 'vue'
import type { Permission } from '@/api/types'
import type { IconName } from '@/parts/icons'
import { can, isOfDistrict } from '@/state/session'

export interface Destination {
  readonly name:
    | 'overview'
    | 'alarms'
    | 'cases'
    | 'devices'
    | 'cameras'
    | 'duty'
    | 'quality'
    | 'registry'
    | 'ledger'
    | 'storage'
    | 'users'
    | 'channels'
    | 'audit'
    | 'account'
  readonly icon: IconName
  readonly needs: Permission
  /** Offered to those who answer for the whole district only. */
  readonly isOfDistrict?: boolean
}

const all: readonly Destination[] = [
  { name: 'overview', icon: 'overview', needs: 'view' },
  { name: 'alarms', icon: 'alarms', needs: 'view' },
  { name: 'cases', icon: 'cases', needs: 'view' },
  { name: 'devices', icon: 'devices', needs: 'view' },
  { name: 'cameras', icon: 'cameras', needs: 'view' },
  { name: 'duty', icon: 'duty', needs: 'keep_roster' },
  { name: 'quality', icon: 'quality', needs: 'view' },
  { name: 'registry', icon: 'registry', needs: 'manage_registry' },
  { name: 'ledger', icon: 'ledger', needs: 'view', isOfDistrict: true },
  { name: 'storage', icon: 'storage', needs: 'view_storage' },
  { name: 'users', icon: 'users', needs: 'manage_users' },
  { name: 'channels', icon: 'phone', needs: 'manage_channels' },
  { name: 'audit', icon: 'audit', needs: 'read_audit' },
]

export const destinations = computed(() =>
  all.filter((one) => can(one.needs) && (!one.isOfDistrict || isOfDistrict.value)),
)
