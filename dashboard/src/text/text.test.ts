import { describe, expect, it } from 'vitest'
import { en } from './en'
import { zhCN } from './zh-CN'

function leaves(node: unknown, at = ''): [string, unknown][] {
  if (typeof node !== 'object' || node === null) return [[at, node]]
  return Object.entries(node).flatMap(([key, child]) => leaves(child, `${at}.${key}`))
}

describe('the two dictionaries', () => {
  it('have the same keys', () => {
    expect(leaves(en).map(([at]) => at)).toEqual(leaves(zhCN).map(([at]) => at))
  })

  it('have no empty words', () => {
    const empty = [...leaves(zhCN), ...leaves(en)].filter(([, word]) => word === '')
    expect(empty).toEqual([])
  })

  it('say in English what is English', () => {
    const chinese = leaves(en).filter(([, word]) => typeof word === 'string' && /\p{Script=Han}/u.test(word))
    expect(chinese).toEqual([])
  })
})
