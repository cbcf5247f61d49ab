import { describe, expect, it } from 'vitest'
import { plateName, plateValue, plateWords } from './nameplate'

const profiles = import.meta.glob<string>('../../../config/profiles/*.toml', {
  query: '?raw',
  import: 'default',
  eager: true,
})

describe('plateWords', () => {
  it('has words for every key that a shipped profile looks at, and for no other', () => {
    const keys = Object.values(profiles).flatMap((toml) =>
      [...toml.matchAll(/nameplate = "(\w+)"/g)].map(([, key]) => key),
    )
    expect([...new Set(keys)].sort()).toEqual(Object.keys(plateWords).sort())
  })
})

describe('plateName', () => {
  it('is the key itself when nobody knows it', () => {
    expect(plateName('licence_due')[0]).toBe('食品经营许可证有效期至')
    expect(plateName('paint')).toEqual(['paint', 'paint'])
  })
})

describe('plateValue', () => {
  it('reads days, hours and units', () => {
    const read = Object.entries({
      licence_due: 20270630,
      opens_h: 6.5,
      allowed_pressure_mpa: 0.7,
      alarm_lel_percent: 20,
      rise_c_per_min: 40,
      rated_speed_m_per_s: 1.75,
      paint: 3,
    }).map(([key, value]) => plateValue(key, value))
    expect(read).toEqual(['2027-06-30', '6:30', '0.7 MPa', '20 %LEL', '40 °C/min', '1.75 m/s', '3'])
  })
})
