/** The list of cases, renewed every few seconds and with every change of an alarm: clocks run although nobody speaks. */
import { onScopeDispose, watch } from 'vue'
import { listCases } from '@/api/cases'
import { live } from '@/state/liveStore'
import { useLoad } from '@/state/useLoad'
import { asQuery, type CaseFilter } from './caseFilter'

/** An alarm, and the case that came with it, shows within so long, in milliseconds; a flood asks no more often. */
const lookEveryMs = 2_000
/** A step of a colleague, of which no alarm tells, shows after so many looks. */
const quietLooks = 5
/** The longest list. */
const limit = 200

export function useCases(filter: () => CaseFilter) {
  const loader = useLoad(
    () => JSON.stringify(filter()),
    (_, signal) => listCases({ ...asQuery(filter()), limit }, signal),
  )
  let hasNews = false
  let looks = 0
  watch(
    () => live.value.alarms,
    () => {
      hasNews = true
    },
  )
  const timer = window.setInterval(() => {
    looks += 1
    if (!hasNews && looks < quietLooks) return
    hasNews = false
    looks = 0
    void loader.reload()
  }, lookEveryMs)
  onScopeDispose(() => {
    window.clearInterval(timer)
  })
  return loader
}
