/** Which unanswered alarms are told further up soon, and to whom: for their lines in every list. */
import { onScopeDispose, shallowRef, watch } from 'vue'
import { listClimbing } from '@/api/alarms'
import type { ClimbingAlarm } from '@/api/types'
import { usePolled } from './polled'

/** Soon: time enough to answer what is on screen. */
const withinS = 600
/** A rung is told within a second of its time; a list may know it some seconds later. */
const renewEveryMs = 10_000

/** By the alarm's number. */
const climbing = shallowRef<ReadonlyMap<number, ClimbingAlarm>>(new Map())

export const nextRungOf = (alarm: number): ClimbingAlarm | undefined => climbing.value.get(alarm)

/** Keeps it known while a page that lists alarms is open. */
export function useClimbing(): void {
  const list = usePolled(() => listClimbing(withinS), [], renewEveryMs)
  watch(list, (alarms) => {
    climbing.value = new Map(alarms.map((one) => [one.alarm, one]))
  })
  onScopeDispose(() => {
    climbing.value = new Map()
  })
}
