/** The pages that the navigation offers, in order of use. */
import { computed } from 'vue'
import type { Permission } from '@/api/types'
import type { IconName } from '@/parts/icons'
import { can } from '@/state/session'

export interface Destination {
  readonly name: 'overview' | 'alarms' | 'devices' | 'cameras' | 'registry' | 'users' | 'audit' | 'account'
  readonly icon: IconName
  readonly needs: Permission
}

const all: readonly Destination[] = [
  { name: 'overview', icon: 'overview', needs: 'view' },
  { name: 'alarms', icon: 'alarms', needs: 'view' },
  { name: 'devices', icon: 'devices', needs: 'view' },
  { name: 'cameras', icon: 'cameras', needs: 'view' },
  { name: 'registry', icon: 'registry', needs: 'manage_registry' },
  { name: 'users', icon: 'users', needs: 'manage_users' },
  { name: 'audit', icon: 'audit', needs: 'read_audit' },
]

export const destinations = computed(() => all.filter(({ needs }) => can(needs)))
