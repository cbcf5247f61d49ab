/** The open alarms of a device: in a flood a screen does not hold every one, and what the store knows stands in. */
import { computed, watch, type ComputedRef } from 'vue'
import type { Alarm } from '@/api/types'
import { isEveryAlarmHeld } from '@/state/alarmCounts'
import { live } from '@/state/liveStore'

/** `stored` are the device's newest alarms as they were last asked for; `renew` asks for them again. */
export function useOpenAlarms(
  device: () => string,
  stored: () => readonly Alarm[],
  renew: () => void,
): ComputedRef<Alarm[]> {
  const isHere = (alarm: Alarm) => alarm.device === device() && alarm.state !== 'closed'
  const held = computed(() => [...live.value.alarms.values()].filter(isHere))
  watch(() => {
    const worst = live.value.devices.get(device())?.worst ?? ''
    return `${worst} ${held.value.map(({ id, state }) => `${id} ${state}`).join()}`
  }, renew)
  return computed(() => {
    if (isEveryAlarmHeld(live.value)) return held.value
    const isMissing = ({ id, state }: Alarm) =>
      state !== 'closed' && !held.value.some((each) => each.id === id)
    return [...held.value, ...stored().filter(isMissing)]
  })
}
