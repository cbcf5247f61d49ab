/** The figures of the ledger in the order of a reading's way: the same of a node as of an hour. Pure. */
import type { LedgerFigures } from '@/api/types'
import type { Text } from '@/text'
import { count } from '@/text/format'

/** What a node with an outbox tells of itself. */
const told = [
  { key: 'produced_readings', words: 'produced' },
  { key: 'sent_messages', words: 'sent' },
] as const
/** What the gateway counts. */
const counted = [
  { key: 'received_messages', words: 'received' },
  { key: 'committed_readings', words: 'committed' },
  { key: 'duplicate_messages', words: 'duplicates' },
  { key: 'shed_messages', words: 'shed' },
  { key: 'lost_messages', words: 'missing' },
] as const
const figures = [...told, ...counted]

type FigureKey = (typeof figures)[number]['key']

export const figureKeys = figures.map(({ key }) => key)

export const figureColumns = (text: Text) =>
  figures.map(({ key, words }) => ({ key, label: text.ledger[words], isNumber: true }))

/** In digits; a dash for what nobody tells. */
export const figureText = (values: LedgerFigures, key: FigureKey, hasOutbox: boolean): string =>
  !hasOutbox && told.some((one) => one.key === key) ? '—' : count(values[key])
