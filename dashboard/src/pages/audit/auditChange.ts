/** What an entry of the audit log says was changed, field by field or line by line. Pure. */

export interface FieldChange {
  readonly field: string
  /** null: it was not there. */
  readonly was: string | null
  /** null: it is no longer there. */
  readonly is: string | null
}

type Fields = Readonly<Record<string, unknown>>

/**
 * The fields that differ between `was` and `is`; of what is new, all that are not empty. Entries of older gateways hold
 * the record as it is, alone. null: it is no record.
 */
export function changesOf(detail: string): FieldChange[] | null {
  const value = parsed(detail)
  if (value === null) return null
  const isPair = 'is' in value && 'was' in value
  const was = isPair ? value['was'] : null
  const present = isPair ? value['is'] : value
  if (typeof was === 'string' && typeof present === 'string') return lineChanges(was, present)
  const before = flat(isFields(was) ? was : {})
  const after = flat(isFields(present) ? present : {})
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((field) => before.get(field) !== after.get(field))
    .map((field) => ({ field, was: before.get(field) ?? null, is: after.get(field) ?? null }))
}

/** Lines that went and lines that came, as they stand. */
function lineChanges(was: string, present: string): FieldChange[] {
  const [before, after] = [was, present].map((text) => text.split('\n').map((line) => line.trimEnd()))
  const gone = (before ?? []).filter((line) => line !== '' && !after?.includes(line))
  const come = (after ?? []).filter((line) => line !== '' && !before?.includes(line))
  return [
    ...gone.map((line) => ({ field: '', was: line, is: null })),
    ...come.map((line) => ({ field: '', was: null, is: line })),
  ]
}

/** `nameplate.high_limit_c` of a map within a record; the id stands beside the entry already. */
function flat(fields: Fields, at = ''): Map<string, string> {
  const texts = new Map<string, string>()
  for (const [key, value] of Object.entries(fields)) {
    if (isFields(value)) flat(value, `${at}${key}.`).forEach((text, field) => texts.set(field, text))
    else if (value !== null && value !== '' && !(at === '' && key === 'id'))
      texts.set(at + key, String(value))
  }
  return texts
}

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function parsed(detail: string): Fields | null {
  try {
    const value: unknown = JSON.parse(detail)
    return isFields(value) ? value : null
  } catch {
    return null
  }
}
