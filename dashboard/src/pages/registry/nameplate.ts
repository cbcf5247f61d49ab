/** Nameplate values as lines `key = number`, the way a person types them. Pure. */

export type ParsedNameplate =
  { kind: 'ok'; nameplate: Record<string, number> } | { kind: 'wrong'; line: number }

export function nameplateText(nameplate: Readonly<Record<string, number>>): string {
  return Object.entries(nameplate)
    .map(([key, value]) => `${key} = ${value}`)
    .join('\n')
}

/** Empty lines are passed over; the first wrong line is told, counted from 1. */
export function parseNameplate(lines: string): ParsedNameplate {
  const nameplate: Record<string, number> = {}
  for (const [index, line] of lines.split('\n').entries()) {
    if (line.trim() === '') continue
    const [, key, digits] = /^\s*([a-z0-9_]+)\s*[=:]\s*(-?\d+(?:\.\d+)?)\s*$/.exec(line) ?? []
    if (key === undefined || digits === undefined) return { kind: 'wrong', line: index + 1 }
    nameplate[key] = Number(digits)
  }
  return { kind: 'ok', nameplate }
}
