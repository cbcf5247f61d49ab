/** Moves labels that would cover each other apart, each staying as near to its anchor as it can. Pure geometry. */

export interface Box {
  /** Where it belongs, in pixels: the middle of the box when nothing is in the way. */
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface Field {
  readonly width: number
  readonly height: number
}

/** Free pixels kept between two boxes, and to the edge of the field. */
const gap = 5
/** More than thirty boxes on a sensible field ever needed in trials; a crowded one then overlaps a little. */
const rounds = 240
/** How strongly a box is drawn home in a round, until the last rounds, which only part. */
const pull = 0.04

/** Half of a dot that no box may cover, in pixels: the dot itself and a little air. */
const dotHalf = 5

/** Middles of the boxes, in the order given; none covers a dot where there is room beside it. */
export function spread(
  boxes: readonly Box[],
  field: Field,
  dots: readonly Place[] = [],
): { x: number; y: number }[] {
  // Equal anchors would have no direction to part in: a step of a hundredth of a pixel gives them one.
  const places = boxes.map(({ x, y }, index) => ({ x: x + index * 0.01, y: y + index * 0.01 }))
  for (let round = 0; round < rounds; round += 1) {
    if (round < rounds * 0.8) drawHome(places, boxes)
    const hasLeftDots = leaveDots(places, boxes, dots)
    const hasMoved = partAll(places, boxes) || hasLeftDots
    keepInside(places, boxes, field)
    if (!hasMoved) break
  }
  return places
}

/** Moves boxes off the dots, each to the nearest place beside, above or below that covers none. */
function leaveDots(places: Place[], boxes: readonly Box[], dots: readonly Place[]): boolean {
  let hasMoved = false
  places.forEach((place, index) => {
    const box = boxes[index]
    if (!box || !coversDot(place, box, dots)) return
    const [best] = besides(place, box, dots)
      .filter((beside) => !coversDot(beside, box, dots))
      .sort((a, b) => distance(a, place) - distance(b, place))
    if (!best) return
    place.x = best.x
    place.y = best.y
    hasMoved = true
  })
  return hasMoved
}

const coversDot = (at: Place, { width, height }: Box, dots: readonly Place[]) =>
  dots.some(
    (dot) => Math.abs(at.x - dot.x) < width / 2 + dotHalf && Math.abs(at.y - dot.y) < height / 2 + dotHalf,
  )

/** The places to which a box could step aside along one way, just off a dot. */
function besides({ x, y }: Place, { width, height }: Box, dots: readonly Place[]): Place[] {
  const [dx, dy] = [width / 2 + dotHalf, height / 2 + dotHalf]
  return dots.flatMap((dot) => [
    { x: dot.x - dx, y },
    { x: dot.x + dx, y },
    { x, y: dot.y - dy },
    { x, y: dot.y + dy },
  ])
}

const distance = (a: Place, b: Place) => Math.abs(a.x - b.x) + Math.abs(a.y - b.y)

interface Place {
  x: number
  y: number
}

function drawHome(places: Place[], boxes: readonly Box[]): void {
  places.forEach((place, index) => {
    const home = boxes[index]
    if (!home) return
    place.x += (home.x - place.x) * pull
    place.y += (home.y - place.y) * pull
  })
}

function partAll(places: Place[], boxes: readonly Box[]): boolean {
  let hasMoved = false
  places.forEach((a, i) => {
    for (let j = i + 1; j < places.length; j += 1) {
      const [b, boxA, boxB] = [places[j], boxes[i], boxes[j]]
      if (b && boxA && boxB && part(a, b, boxA, boxB)) hasMoved = true
    }
  })
  return hasMoved
}

/** Pushes two boxes apart along the way that is shorter. */
function part(a: Place, b: Place, boxA: Box, boxB: Box): boolean {
  const overlapX = (boxA.width + boxB.width) / 2 + gap - Math.abs(a.x - b.x)
  const overlapY = (boxA.height + boxB.height) / 2 + gap - Math.abs(a.y - b.y)
  if (overlapX <= 0 || overlapY <= 0) return false
  if (overlapX < overlapY) {
    const push = (a.x < b.x ? -1 : 1) * (overlapX / 2)
    a.x += push
    b.x -= push
  } else {
    const push = (a.y < b.y ? -1 : 1) * (overlapY / 2)
    a.y += push
    b.y -= push
  }
  return true
}

/** Boxes whose home is on the field stay on it; those that were panned away leave with their home. */
function keepInside(places: Place[], boxes: readonly Box[], field: Field): void {
  places.forEach((place, index) => {
    const box = boxes[index]
    if (!box || box.x < 0 || box.y < 0 || box.x > field.width || box.y > field.height) return
    place.x = Math.min(Math.max(place.x, box.width / 2 + gap), field.width - box.width / 2 - gap)
    place.y = Math.min(Math.max(place.y, box.height / 2 + gap), field.height - box.height / 2 - gap)
  })
}
