/** The list of cases, renewed every few seconds and with every change of an alarm: clocks run although nobody speaks. */
import { onScopeDispose, watch } from 'vue'
import { listCases } from '@/api/cases'
import { live } from '@/state/liveStore'
import { useLoad } from '@/state/useLoad'
import { asQuery, type CaseFilter } from './caseFilter'

/** A step of a colleague shows within so long, in milliseconds. */
const renewEveryMs = 10_000
/** The longest list. */
const limit = 200

export function useCases(filter: () => CaseFilter) {
  const loader = useLoad(
    () => JSON.stringify(filter()),
    (_, signal) => listCases({ ...asQuery(filter()), limit }, signal),
  )
  const timer = window.setInterval(() => void loader.reload(), renewEveryMs)
  onScopeDispose(() => {
    window.clearInterval(timer)
  })
  watch(
    () => live.value.alarms,
    () => void loader.reload(),
  )
  return loader
}
