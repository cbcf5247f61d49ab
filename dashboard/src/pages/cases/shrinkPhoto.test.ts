import { describe, expect, it } from 'vitest'
import { fitted } from './shrinkPhoto'

describe('a photo', () => {
  it('keeps its shape when it is made smaller, and is never made larger', () => {
    expect(fitted(4000, 3000)).toEqual({ width: 1600, height: 1200 })
    expect(fitted(3000, 4000)).toEqual({ width: 1200, height: 1600 })
    expect(fitted(640, 480)).toEqual({ width: 640, height: 480 })
    expect(fitted(16_000, 2)).toEqual({ width: 1600, height: 1 })
  })
})
