/** The console's rows: from the live stream while that holds every open alarm, with the gateway's pages beyond. */
import { computed, shallowRef, watch, type ShallowRef } from 'vue'
import type { Alarm } from '@/api/types'
import { countChosen, isEveryAlarmHeld } from '@/state/alarmCounts'
import { alarmRows, gather, groupOf, groupRows, headOf, type AlarmRow } from '@/state/alarmGroups'
import { chooseAlarms, type AlarmFilter } from '@/state/alarmList'
import { catalogue } from '@/state/catalogue'
import { gatewayNow } from '@/state/clock'
import { live } from '@/state/liveStore'
import type { Load } from '@/state/useLoad'
import { queryOf, queryOfPast } from './alarmQuery'
import { askGroup, useFloodGroups, useFloodList } from './useFlood'
import { usePastAlarms } from './usePastAlarms'

export function useAlarmRows(filter: ShallowRef<AlarmFilter>) {
  /** What is open the stream tells; what is over is asked for. */
  const isOpenList = computed(() => filter.value.state === 'open' || filter.value.state === 'set_aside')
  const isFlood = computed(() => isOpenList.value && !isEveryAlarmHeld(live.value))
  const grouping = computed(() => (isOpenList.value ? filter.value.grouping : 'none'))

  const past = usePastAlarms(() => (isOpenList.value ? null : queryOfPast(filter.value, gatewayNow())))
  const flood = useFloodList(() => {
    if (!isFlood.value || grouping.value !== 'none') return null
    const { search } = filter.value
    return { ...queryOf(filter.value), ...(search && { search }) }
  })
  const floodGroups = useFloodGroups(() =>
    isFlood.value && grouping.value !== 'none' ? { by: grouping.value, ...queryOf(filter.value) } : null,
  )
  /** In a flood, what was asked for of opened groups. */
  const ofOpened = shallowRef<readonly Alarm[]>([])

  const source = computed<readonly Alarm[]>(() => {
    if (!isOpenList.value) return past.items.value
    const held = live.value.alarms
    if (!isFlood.value) return [...held.values()]
    // What the stream tells is newer than what was asked for.
    const asked = [...flood.items.value, ...ofOpened.value].map((alarm): [number, Alarm] => [alarm.id, alarm])
    return [...new Map([...asked, ...held]).values()]
  })
  /** In a flood there is one order: any other would need all alarms. */
  const chosen = computed(() =>
    chooseAlarms(source.value, isFlood.value ? { ...filter.value, order: 'need' } : filter.value),
  )

  const opened = shallowRef<ReadonlySet<string>>(new Set())
  watch(grouping, () => {
    opened.value = new Set()
    ofOpened.value = []
  })
  async function toggle(key: string): Promise<void> {
    const isOpening = !opened.value.has(key)
    opened.value = new Set(
      isOpening ? [...opened.value, key] : [...opened.value].filter((each) => each !== key),
    )
    const by = grouping.value
    if (!isOpening || !isFlood.value || by === 'none') return
    const answer = await askGroup(by, key, queryOf(filter.value))
    if (answer.kind === 'ok') ofOpened.value = [...ofOpened.value, ...answer.value.alarms]
  }

  const of = computed(() => {
    const devices = catalogue.value?.devices
    return groupOf(grouping.value === 'none' ? 'site' : grouping.value, (device) => {
      const id = devices?.get(device)?.node
      return id === undefined ? null : { id, name: devices?.get(id)?.name ?? id }
    })
  })
  const rows = computed<AlarmRow[]>(() => {
    if (grouping.value === 'none') return alarmRows(chosen.value)
    const heads = isFlood.value
      ? floodGroups.groups.value.map((group) => headOf(group, filter.value.state === 'set_aside'))
      : gather(chosen.value, of.value)
    return groupRows(heads, chosen.value, of.value, opened.value)
  })

  /** How many there are; those that are over are known as far as they were asked for. */
  const total = computed(() =>
    isOpenList.value ? countChosen(live.value.alarmCounts.values(), filter.value) : past.items.value.length,
  )
  /** Those that the rows stand for: a group stands for all of its own. */
  const shownCount = computed(() =>
    isFlood.value && grouping.value !== 'none' ? total.value : chosen.value.length,
  )
  const load = computed<Load<true>>(() => {
    if (isOpenList.value) {
      return live.value.version === null
        ? { kind: 'loading' }
        : { kind: 'ready', value: true, isRenewing: false }
    }
    if (past.problem.value) return { kind: 'failed', problem: past.problem.value }
    if (past.isLoading.value && past.items.value.length === 0) return { kind: 'loading' }
    return { kind: 'ready', value: true, isRenewing: past.isLoading.value }
  })
  const hasMore = computed(() =>
    isOpenList.value
      ? isFlood.value && grouping.value === 'none' && flood.nextAfter.value !== null
      : past.nextBefore.value !== null,
  )
  const loadMore = () => (isOpenList.value ? flood.loadMore() : past.loadMore())

  return {
    rows,
    chosen,
    total,
    shownCount,
    load,
    hasMore,
    isFlood,
    isOpenList,
    groupOf: of,
    toggle,
    loadMore,
    restart: past.restart,
  }
}
