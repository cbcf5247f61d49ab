import { expect, it } from 'vitest'
import { shortName } from './shortName'

it.each([
  ['后坪苗族土家族乡', '后坪乡'],
  ['浩口苗族仡佬族乡', '浩口乡'],
  ['白马镇', '白马镇'],
  ['芙蓉街道', '芙蓉街道'],
])('%s is called %s', (name, expected) => {
  expect(shortName(name)).toBe(expected)
})
