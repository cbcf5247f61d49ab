/** The console's filter: from the address where it says one, else as its person left it; kept in both. */
import { onScopeDispose, shallowRef, watch, type ShallowRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { filterFromQuery, filterToQuery } from '@/state/alarmAddress'
import { isAlarmFilter, wholeList, type AlarmFilter } from '@/state/alarmList'
import { ofPerson, readPreference, writePreference } from '@/state/preferences'
import { me } from '@/state/session'

/** The address follows so much later: after another way that the same key press took, and not with every letter typed. */
const settleMs = 150

export function useAlarmFilter(): ShallowRef<AlarmFilter> {
  const route = useRoute()
  const router = useRouter()
  const name = ofPerson('alarmFilter', me.value?.user.id)
  const filter = shallowRef<AlarmFilter>(
    filterFromQuery(route.query) ?? readPreference(name, isAlarmFilter) ?? wholeList,
  )
  let timer: number | undefined
  watch(
    filter,
    (now) => {
      writePreference(name, now)
      window.clearTimeout(timer)
      timer = window.setTimeout(() => {
        if (route.name === 'alarms') void router.replace({ ...currentPlace(), query: filterToQuery(now) })
      }, settleMs)
    },
    { immediate: true },
  )
  onScopeDispose(() => {
    window.clearTimeout(timer)
  })
  // A colleague's address, opened in this very tab.
  watch(
    () => route.query,
    (query) => {
      const asked = filterFromQuery(query)
      if (route.name === 'alarms' && asked && JSON.stringify(asked) !== JSON.stringify(filter.value))
        filter.value = asked
    },
  )
  return filter

  function currentPlace() {
    const { alarm } = route.params
    return { name: 'alarms', params: { alarm: typeof alarm === 'string' ? alarm : '' } }
  }
}
