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

/** How many are asked for at first, and at most: older ones are looked for by township and severity. */
export const shortList = 100
export const longList = 500

export function useCases(filter: () => CaseFilter, limit: () => number) {
  const loader = useLoad(
    () => JSON.stringify([filter(), limit()]),
    (_, signal) => listCases({ ...asQuery(filter()), limit: limit() }, signal),
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
