/** How many cases are overdue, for the navigation: nobody has to open a page to learn of it. */
import { onScopeDispose, shallowRef } from 'vue'
import { listCases } from '@/api/cases'

const renewEveryMs = 20_000

export function useOverdueCases() {
  const overdue = shallowRef(0)
  async function renew(): Promise<void> {
    const answer = await listCases({ state: 'overdue', limit: 1 })
    if (answer.kind === 'ok') overdue.value = answer.value.total
  }
  void renew()
  const timer = window.setInterval(() => void renew(), renewEveryMs)
  onScopeDispose(() => {
    window.clearInterval(timer)
  })
  return overdue
}
