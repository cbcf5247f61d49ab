/** Alarms from the store, page by page: what the live state, which holds open ones only, cannot show. */
import { listAlarms, type AlarmQuery } from '@/api/alarms'
import { mapAnswer } from '@/api/request'
import { usePages } from '@/state/usePages'

const pageSize = 100

export const usePastAlarms = (query: () => AlarmQuery | null) =>
  usePages(query, async (asked, before, signal) => {
    const page = { ...asked, limit: pageSize, ...(before !== null && { after: before }) }
    return mapAnswer(await listAlarms(page, signal), ({ alarms, next_after }) => ({
      items: alarms,
      nextBefore: next_after ?? null,
    }))
  })
