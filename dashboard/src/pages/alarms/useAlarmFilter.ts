/** The console's filter: from the address where it says one, else as its person left it; kept in both. */
import { shallowRef, watch, type ShallowRef } from 'vue'
import { useRoute, useRouter } from 'vue-router'
import { filterFromQuery, filterToQuery } from '@/state/alarmAddress'
import { isAlarmFilter, wholeList, type AlarmFilter } from '@/state/alarmList'
import { ofPerson, readPreference, writePreference } from '@/state/preferences'
import { me } from '@/state/session'

export function useAlarmFilter(): ShallowRef<AlarmFilter> {
  const route = useRoute()
  const router = useRouter()
  const name = ofPerson('alarmFilter', me.value?.user.id)
  const filter = shallowRef<AlarmFilter>(
    filterFromQuery(route.query) ?? readPreference(name, isAlarmFilter) ?? wholeList,
  )
  watch(
    filter,
    (now) => {
      writePreference(name, now)
      void router.replace({ ...currentPlace(), query: filterToQuery(now) })
    },
    { immediate: true },
  )
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
