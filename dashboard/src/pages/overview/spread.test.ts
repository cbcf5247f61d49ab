import { describe, expect, it } from 'vitest'
import { spread, type Box } from './spread'

const field = { width: 900, height: 600 }
const box = (x: number, y: number): Box => ({ x, y, width: 110, height: 44 })

function overlaps(boxes: readonly Box[]): number {
  const places = spread(boxes, field)
  let count = 0
  places.forEach((a, i) => {
    places.slice(i + 1).forEach((b, offset) => {
      const other = boxes[i + 1 + offset]
      const own = boxes[i]
      if (!own || !other) return
      const isApart =
        Math.abs(a.x - b.x) >= (own.width + other.width) / 2 - 0.5 ||
        Math.abs(a.y - b.y) >= (own.height + other.height) / 2 - 0.5
      if (!isApart) count += 1
    })
  })
  return count
}

describe('spread', () => {
  it('leaves boxes alone that do not meet', () => {
    const [first, second] = spread([box(200, 200), box(600, 400)], field)
    expect(first?.x).toBeCloseTo(200, 0)
    expect(second?.y).toBeCloseTo(400, 0)
  })

  it.each([
    ['two on one spot', [box(300, 300), box(300, 300)]],
    ['a heap', Array.from({ length: 12 }, () => box(450, 300))],
    ['in a corner', [box(0, 0), box(5, 5), box(10, 2)]],
    [
      'twenty-six at random places',
      Array.from({ length: 26 }, (_, i) => box((i * 337) % 900, (i * 211) % 600)),
    ],
  ])('parts %s', (_, boxes) => {
    expect(overlaps(boxes)).toBe(0)
  })

  it('covers no dot, neither its own nor a neighbour’s', () => {
    const boxes = Array.from({ length: 12 }, (_, i) =>
      box(120 + (i % 4) * 210, 110 + Math.floor(i / 4) * 180),
    )
    const dots = boxes.map(({ x, y }) => ({ x, y: y + 30 }))
    const places = spread(boxes, field, dots)
    for (const { x, y } of places) {
      for (const dot of dots) {
        expect(Math.abs(dot.x - x) >= 55 || Math.abs(dot.y - y) >= 22).toBe(true)
      }
    }
  })

  it('keeps boxes on the field', () => {
    for (const { x, y } of spread([box(0, 0), box(900, 600)], field)) {
      expect(x).toBeGreaterThanOrEqual(55)
      expect(x).toBeLessThanOrEqual(845)
      expect(y).toBeGreaterThanOrEqual(22)
      expect(y).toBeLessThanOrEqual(578)
    }
  })
})
