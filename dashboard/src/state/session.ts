/** Who is signed in, and what that person may do. The gateway decides; the screens only hide. */
import { computed, shallowRef } from 'vue'
import type { Me, Permission } from '@/api/types'

/** undefined: not asked yet; null: nobody. */
const person = shallowRef<Me | null | undefined>(undefined)

export const me = computed(() => person.value ?? null)
export const isSessionKnown = computed(() => person.value !== undefined)

export function setPerson(next: Me | null): void {
  person.value = next
}

export function can(permission: Permission): boolean {
  return person.value?.permissions.includes(permission) ?? false
}
