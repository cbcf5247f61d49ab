/** Who was told of an alarm, as lines to be read: whom no channel reached at one moment stand in one line. */
import type { AlarmNotice, Delivery, NoticeAudience } from '@/api/types'

export type Outcome = Delivery['state'] | 'unreachable'

export interface DeliveryLine {
  key: string
  atMs: number
  occasion: AlarmNotice['occasion']
  step: number
  audiences: readonly NoticeAudience[]
  /** null: no channel reaches them. */
  delivery: Delivery | null
  outcome: Outcome
}

/** Newest first; when it was sent, else when it became true. */
export function linesOf(notices: readonly AlarmNotice[]): DeliveryLine[] {
  const unreached = new Map<string, NoticeAudience[]>()
  const lines = notices.flatMap((notice, at): DeliveryLine[] => {
    const line = {
      atMs: notice.at_ms,
      occasion: notice.occasion,
      step: notice.step,
      audiences: [notice.audience],
    }
    if (notice.deliveries.length === 0) {
      const moment = `${notice.at_ms} ${notice.occasion} ${notice.step}`
      const others = unreached.get(moment)
      if (others) {
        others.push(notice.audience)
        return []
      }
      const audiences = [notice.audience]
      unreached.set(moment, audiences)
      return [{ ...line, audiences, key: `${at}`, delivery: null, outcome: 'unreachable' }]
    }
    return notice.deliveries.map((delivery, index) => ({
      ...line,
      key: `${at}-${index}`,
      atMs: delivery.sent_at_ms ?? delivery.tried_at_ms ?? notice.at_ms,
      delivery,
      outcome: delivery.state,
    }))
  })
  return lines.sort((a, b) => b.atMs - a.atMs)
}

/** How long telling took, in milliseconds; null: it was not sent. */
export function tookMs({ delivery }: DeliveryLine): number | null {
  return delivery?.sent_at_ms ? delivery.sent_at_ms - delivery.created_at_ms : null
}
