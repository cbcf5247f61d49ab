import { describe, expect, it } from 'vitest'
import { ago, countdown, dateTime, duration, halvesOf, hasUnit, shortTime, valueText } from './format'
import { en } from './en'
import { zhCN } from './zh-CN'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute

describe('times', () => {
  const evening = Date.UTC(2026, 10, 22, 16, 30, 5)

  it('are of Beijing', () => {
    expect(dateTime(evening)).toBe('2026-11-23 00:30:05')
  })

  it('leave the date out on the same Beijing day', () => {
    expect(shortTime(evening, evening + hour)).toBe('00:30:05')
    expect(shortTime(evening - hour, evening)).toBe('11-22 23:30')
  })

  it.each([
    [-5, '0 s'],
    [59 * second, '59 s'],
    [61 * second, '1 min'],
    [2 * hour, '2 h'],
    [2 * hour + 5 * minute, '2 h 5 min'],
    [26 * hour + 5 * minute, '26 h'],
    [72 * hour, '3 d'],
  ])('span of %i ms is %s', (ms, expected) => {
    expect(duration(ms, en)).toBe(expected)
  })

  it('say how long ago', () => {
    expect(ago(200, zhCN)).toBe('刚刚')
    expect(ago(5 * minute, zhCN)).toBe('5 分前')
  })
})

describe('values', () => {
  const temperature = { states: [], decimals: 1, unit: '°C' }
  const mode = { states: [{ code: 1, zh: '运行', en: 'running' }], decimals: 0, unit: '' }

  it.each([
    [4, temperature, '4.0'],
    [null, temperature, '—'],
    [Number.NaN, temperature, '—'],
    [1, mode, 'running'],
    [true, mode, 'running'],
    [2, mode, '2'],
    ['B1', mode, 'B1'],
    [false, temperature, 'No'],
  ])('%j reads %s', (value, metric, expected) => {
    expect(valueText(value, metric, true, en)).toBe(expected)
  })

  it('carry a unit only when they are a quantity', () => {
    expect(hasUnit(4, temperature)).toBe(true)
    expect(hasUnit(null, temperature)).toBe(false)
    expect(hasUnit(1, mode)).toBe(false)
  })
})

describe('countdown', () => {
  it.each([
    [7_650_000, '2:07:30'],
    [450_000, '07:30'],
    [999, '00:01'],
    [-5_000, '00:00'],
  ])('%d ms', (ms, expected) => {
    expect(countdown(ms)).toBe(expected)
  })
})

describe('a note of the gateway', () => {
  it.each([
    ['报警按钮：按下 / Alarm button: pressed', '报警按钮：按下', 'Alarm button: pressed'],
    ['9.1 °C > 8 °C', '9.1 °C > 8 °C', '9.1 °C > 8 °C'],
    ['甲 / 乙 / A / B', '甲 / 乙', 'A / B'],
    ['', '', ''],
  ])('%j is one in each language', (note, zh, english) => {
    expect(halvesOf(note)).toEqual([zh, english])
  })
})
