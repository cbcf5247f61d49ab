/** Who is signed in, and what that person may do. The gateway decides; the screens only hide. */
import { computed, shallowRef } from 'vue'
import { whoAmI } from '@/api/session'
import type { Me, Permission, Problem } from '@/api/types'

/** undefined: not asked yet; null: nobody. */
const person = shallowRef<Me | null | undefined>(undefined)

/** Why it is not known whether somebody is signed in; null: it is known. */
export const sessionProblem = shallowRef<Problem | null>(null)

export const me = computed(() => person.value ?? null)
export const isSessionKnown = computed(() => person.value !== undefined)

export function setPerson(next: Me | null): void {
  sessionProblem.value = null
  person.value = next
}

/** Asks the gateway who is signed in. */
export async function findPerson(): Promise<void> {
  const answer = await whoAmI()
  if (answer.kind === 'ok') setPerson(answer.value ?? null)
  else if (answer.kind === 'problem') sessionProblem.value = answer.problem
}

/** Whether the person answers for the whole district. */
export const isOfDistrict = computed(() => {
  const role = person.value?.user.role
  return role === 'admin' || role === 'centre_operator'
})

export function can(permission: Permission): boolean {
  return person.value?.permissions.includes(permission) ?? false
}
