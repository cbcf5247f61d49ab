import { describe, expect, it } from 'vitest'
import type { AlarmNotice, Delivery } from '@/api/types'
import { linesOf, tookMs } from './deliveries'

const delivery: Delivery = {
  channel: 'centre-wecom',
  person: null,
  address: '',
  state: 'sent',
  attempts: 1,
  is_maybe_repeated: false,
  created_at_ms: 1010,
  tried_at_ms: 1020,
  sent_at_ms: 1150,
  last_error: null,
}
const notice: AlarmNotice = {
  at_ms: 1000,
  occasion: 'raised',
  step: 0,
  severity: 1,
  audience: { kind: 'centre' },
  deliveries: [delivery],
}

describe('who was told', () => {
  it('is listed with the newest first, and says when nobody could be reached', () => {
    const later = {
      ...notice,
      at_ms: 2000,
      audience: { kind: 'owner', id: 'school' } as const,
      deliveries: [],
    }
    const lines = linesOf([notice, later])
    expect(lines.map(({ outcome, atMs }) => [outcome, atMs])).toEqual([
      ['unreachable', 2000],
      ['sent', 1150],
    ])
  })

  it('names all that no channel reached at one moment in one line', () => {
    const owner = { ...notice, deliveries: [], audience: { kind: 'owner', id: 'school' } as const }
    const centre = { ...notice, deliveries: [] }
    const later = { ...centre, at_ms: 2000 }
    expect(linesOf([owner, centre, later]).map(({ audiences }) => audiences)).toEqual([
      [centre.audience],
      [owner.audience, centre.audience],
    ])
  })

  it('says how long it took', () => {
    const [sent] = linesOf([notice])
    const waiting = { ...delivery, state: 'waiting' as const, sent_at_ms: null }
    const [unsent] = linesOf([{ ...notice, deliveries: [waiting] }])
    expect([sent && tookMs(sent), unsent && tookMs(unsent)]).toEqual([140, null])
  })
})
