import { describe, expect, it } from 'vitest'
import type { Camera } from '@/api/types'
import { isWallChoice, wallPage, wholeWall, type WallChoice } from './wall'

const cameras: Camera[] = Array.from({ length: 10 }, (_, index) => ({
  device: `camera-${index}`,
  name: '',
  site: '',
  site_name: '',
  township: index < 5 ? 'a' : 'b',
}))
const shown = (choice: Partial<WallChoice>, page = 0) => {
  const result = wallPage(cameras, { ...wholeWall, ...choice }, page)
  return [result.cameras.map(({ device }) => device.slice(7)).join(''), result.page, result.pageCount]
}

describe('wallPage', () => {
  it.each<[string, Partial<WallChoice>, number, [string, number, number]]>([
    ['the first four', {}, 0, ['0123', 0, 3]],
    ['the last page, not full', {}, 2, ['89', 2, 3]],
    ['nine', { size: 3 }, 0, ['012345678', 0, 2]],
    ['a page that is gone', {}, 9, ['89', 2, 3]],
    ['a township', { township: 'b' }, 1, ['9', 1, 2]],
    ['those chosen, in that order', { chosen: ['camera-7', 'camera-1'] }, 0, ['71', 0, 1]],
    ['chosen ones that are gone', { chosen: ['camera-77'] }, 0, ['', 0, 1]],
  ])('shows %s', (_, choice, page, expected) => {
    expect(shown(choice, page)).toEqual(expected)
  })
})

describe('a remembered choice', () => {
  it.each([
    [wholeWall, true],
    [{ ...wholeWall, size: 4 }, false],
    [{ size: 2, chosen: [1], township: null }, false],
    [null, false],
  ])('%j', (value, expected) => {
    expect(isWallChoice(value)).toBe(expected)
  })
})
