import { describe, expect, it } from 'vitest'
import { nameplateText, parseNameplate, type ParsedNameplate } from './nameplate'

describe('parseNameplate', () => {
  it.each<[string, ParsedNameplate]>([
    ['', { kind: 'ok', nameplate: {} }],
    [
      'allowed_pressure_mpa = 0.7\n\noutlet_limit_c: 95',
      { kind: 'ok', nameplate: { allowed_pressure_mpa: 0.7, outlet_limit_c: 95 } },
    ],
    ['floor = -2', { kind: 'ok', nameplate: { floor: -2 } }],
    ['rated = 1\nspeed', { kind: 'wrong', line: 2 }],
    ['rated = fast', { kind: 'wrong', line: 1 }],
    ['rated = 1.2.3', { kind: 'wrong', line: 1 }],
  ])('%j', (lines, expected) => {
    expect(parseNameplate(lines)).toEqual(expected)
  })

  it('reads back what was written', () => {
    const nameplate = { allowed_pressure_mpa: 0.7, floors: 12 }
    expect(parseNameplate(nameplateText(nameplate))).toEqual({ kind: 'ok', nameplate })
  })
})
