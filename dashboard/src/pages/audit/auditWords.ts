/** An entry of the audit log as people say it: posts by their names, moments as times, the gateway's words translated. */
import type { AuditEntry } from '@/api/types'
import type { Text } from '@/text'
import { dateTime } from '@/text/format'
import { changesOf, type FieldChange } from './auditChange'

interface Words {
  readonly text: Text
  /** What a post such as `office:furong` is called. */
  readonly postName: (post: string) => string
}

export interface SpokenEntry {
  readonly actor: string
  readonly action: string
  readonly object: string
  readonly detail: string
  /** What was changed; null: the detail says it all. */
  readonly changes: readonly FieldChange[] | null
  /** Why, where somebody had to say so; empty: nobody had to. */
  readonly why: string
}

/** Entries that hold a record, or how it was and how it is. */
const recordActions = ['owner.put', 'site.put', 'device.put', 'rule.amend', 'rule.restore']

/** The gateway's own name for whoever works on the server itself. */
const shell = 'server shell'
const post = /^(?:centre|(?:office|township|person):[\w.-]+)$/
/** Milliseconds since 1970 of this half of the century. */
const moment = /\b[12]\d{12}\b/g

export function spoken(entry: AuditEntry, { text, postName }: Words): SpokenEntry {
  const { audit } = text
  const action = new Map(Object.entries(audit.actions)).get(entry.action) ?? entry.action
  const isOfRoster = entry.action.startsWith('roster.')
  const isNumbered = /^(?:alarm|case)\./.test(entry.action) && /^\d+$/.test(entry.object)
  const named = (raw: string) => raw.replace(post, postName)
  return {
    actor: entry.actor === shell ? audit.shell : entry.actor,
    action,
    object: isNumbered ? `#${entry.object}` : isOfRoster ? named(entry.object) : entry.object,
    detail: detailOf(entry, text, named),
    changes: recordActions.includes(entry.action) ? changesOf(entry.detail) : null,
    why: entry.action === 'rule.amend' ? whyOf(entry.detail) : '',
  }
}

/** What people wrote stays as they wrote it. */
function detailOf({ action, detail }: AuditEntry, text: Text, named: (raw: string) => string): string {
  switch (action) {
    case 'camera.watch':
      return new Map(Object.entries(text.audit.streams)).get(detail) ?? detail
    case 'user.add':
    case 'user.change':
      return accountOf(detail, text, named)
    case 'case.assign':
      return named(detail)
    case 'roster.add':
    case 'roster.change':
    case 'roster.remove':
      return detail.replace(moment, (ms) => dateTime(Number(ms))).replace('..', ' – ')
    default:
      return detail
  }
}

/** An account as the gateway writes it down: its role, its jurisdiction, and whether it is closed. */
function accountOf(detail: string, text: Text, named: (raw: string) => string): string {
  const account = parsed(detail)
  if (account === null) return detail
  const { role, office, township, owner, is_disabled: isDisabled } = account
  const word = new Map<string, string>(Object.entries(text.role)).get(String(role)) ?? String(role)
  const place =
    typeof office === 'string'
      ? named(`office:${office}`)
      : typeof township === 'string'
        ? named(`township:${township}`)
        : owner
  return [word, place, isDisabled === true && text.users.disabled]
    .filter((part) => typeof part === 'string')
    .join(' · ')
}

function whyOf(detail: string): string {
  const value = parsedAny(detail)
  const hasWhy = typeof value === 'object' && value !== null && 'why' in value
  return hasWhy && typeof value.why === 'string' ? value.why : ''
}

function parsedAny(detail: string): unknown {
  try {
    const value: unknown = JSON.parse(detail)
    return value
  } catch {
    return null
  }
}

function parsed(detail: string): Readonly<Record<string, unknown>> | null {
  const value = parsedAny(detail)
  return typeof value === 'object' && value !== null && 'role' in value ? { ...value } : null
}
