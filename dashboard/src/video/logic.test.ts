import { describe, expect, it } from 'vitest'
import { ageMs, noAge, noteFrame } from './age'
import { nothingYet, takeFrame, takeMessage, type FrameAction, type Intake } from './intake'
import { behindS, steer, type Steering } from './steering'
import { tileState, type Facts } from './tileState'
import type { Frame, Opened, Unavailable } from './wire'

const asked = { device: 'camera-1', stream: 'main' } as const
const opened = (changes: Partial<Opened> = {}): Opened => ({
  type: 'opened',
  device: 'camera-1',
  stream: 'main',
  streamId: 7,
  epoch: 1,
  mime: 'video/mp4',
  ...changes,
})
const unavailable = (reason: Unavailable['reason']): Unavailable => ({
  type: 'unavailable',
  device: 'camera-1',
  stream: 'main',
  reason,
  codec: reason === 'codec_not_playable' ? 'hevc' : null,
})
const frame = (sequence: number, isKey = false, streamId = 7): Frame => ({
  streamId,
  sequence,
  isKey,
  capturedMs: 0,
  fragment: new Uint8Array(1),
})

describe('intake', () => {
  const begun = takeMessage(nothingYet, opened(), asked)[0]

  function takeAll(intake: Intake, frames: Frame[]): [Intake, FrameAction[]] {
    const actions: FrameAction[] = []
    for (const each of frames) {
      const [next, action] = takeFrame(intake, each)
      intake = next
      actions.push(action)
    }
    return [intake, actions]
  }

  it("never shows another camera's picture", () => {
    expect(takeMessage(nothingYet, opened({ device: 'camera-2' }), asked)[1]).toBe('foreign')
    expect(takeMessage(begun, { ...unavailable('camera_offline'), stream: 'sub' }, asked)[1]).toBe('foreign')
    expect(takeFrame(begun, frame(0, false, 8))[1]).toBe('foreign')
    expect(takeFrame(nothingYet, frame(0))[1]).toBe('foreign')
  })

  it('takes a stream from its first key frame on, and after a hole from the next', () => {
    const frames = [
      frame(0),
      frame(1),
      frame(5, true),
      frame(6),
      frame(8),
      frame(9),
      frame(10, true),
      frame(11),
    ]
    const [end, actions] = takeAll(begun, frames)
    expect(actions.map((action) => action[0]).join('')).toBe('asaassaa')
    expect(end.sequence).toBe(11)
  })

  it('goes on with the same epoch and skips what came before', () => {
    const [playing] = takeAll(begun, [frame(0), frame(1, true), frame(2), frame(3)])
    const [renewed, action] = takeMessage(playing, opened({ streamId: 8 }), asked)
    expect(action).toBe('go-on')
    const again = [
      frame(0, false, 8),
      frame(1, true, 8),
      frame(2, false, 8),
      frame(3, false, 8),
      frame(4, false, 8),
    ]
    expect(takeAll(renewed, again)[1]).toEqual(['skip', 'skip', 'skip', 'skip', 'append'])
  })

  it('begins anew with another epoch, and stops when there is nothing', () => {
    const [playing] = takeAll(begun, [frame(0), frame(1, true)])
    expect(takeMessage(playing, opened({ epoch: 2 }), asked)).toEqual([
      { ...nothingYet, message: opened({ epoch: 2 }) },
      'begin',
    ])
    expect(takeMessage(playing, unavailable('camera_offline'), asked)[1]).toBe('stop')
  })
})

describe('age', () => {
  it('is measured by the least delayed frame, whatever the clocks say', () => {
    const hourMs = 3_600_000
    let meter = noteFrame(noAge, 1_000 - hourMs, 3_000) // from the group of pictures: two seconds late
    expect(ageMs(meter, 3_000, 0)).toBe(0)
    meter = noteFrame(meter, 3_000 - hourMs, 3_020)
    expect(ageMs(meter, 3_020, 0.3)).toBe(300)
    expect(ageMs(meter, 8_020, 0.3)).toBe(5_300)
    meter = noteFrame(meter, 4_000 - hourMs, 9_020) // a line that has become slow
    expect(ageMs(meter, 9_020, 0)).toBe(5_000)
  })

  it('is unknown without a frame', () => {
    expect(ageMs(noAge, 0, 0)).toBeNull()
  })
})

describe('steering', () => {
  it.each<[string, [number, number][], number, number, Steering]>([
    ['stays without video', [], 0, 1, { kind: 'stay' }],
    ['leaps to the first video', [[500, 502]], 0, 1, { kind: 'leap', to: 501.7 }],
    [
      'leaps over a hole',
      [
        [0, 10],
        [12, 12.1],
      ],
      10,
      1,
      { kind: 'leap', to: 12 },
    ],
    ['leaps when it was held up', [[0, 100]], 96.9, 1, { kind: 'leap', to: 99.7 }],
    ['stays when it is near', [[0, 100]], 99.3, 1, { kind: 'stay' }],
    ['hurries when it is behind', [[0, 100]], 99.1, 1, { kind: 'rate', rate: 1.15 }],
    ['keeps hurrying', [[0, 100]], 99.5, 1.15, { kind: 'stay' }],
    ['stops hurrying', [[0, 100]], 99.75, 1.15, { kind: 'rate', rate: 1 }],
  ])('%s', (_, spans, currentS, rate, expected) => {
    const result = steer(
      spans.map(([start, end]) => ({ start, end })),
      currentS,
      rate,
    )
    if (expected.kind === 'leap')
      expect(result).toMatchObject({ kind: 'leap', to: expect.closeTo(expected.to) })
    else expect(result).toEqual(expected)
  })

  it('knows how far behind it is', () => {
    expect(behindS([{ start: 0, end: 5 }], 4)).toBe(1)
    expect(behindS([], 4)).toBe(0)
  })
})

describe('tileState', () => {
  const good: Facts = {
    isSupported: true,
    isConnected: true,
    hasFailed: false,
    message: opened(),
    refusedMime: null,
    ageMs: 300,
  }
  it.each<[Partial<Facts>, string]>([
    [{}, 'live'],
    [{ ageMs: 3_001 }, 'stale'],
    [{ ageMs: null }, 'connecting'],
    [{ message: null, ageMs: null }, 'connecting'],
    [{ isConnected: false, message: null, ageMs: null }, 'connecting'],
    [{ isConnected: false, hasFailed: true }, 'lost'],
    [{ message: unavailable('camera_offline') }, 'offline'],
    [{ message: unavailable('edge_unreachable') }, 'edge-unreachable'],
    [{ message: unavailable('codec_not_playable') }, 'not-playable'],
    [{ refusedMime: 'video/mp4; codecs="hvc1"' }, 'not-playable'],
    [{ isSupported: false }, 'unsupported'],
  ])('%j is %s', (changes, kind) => {
    expect(tileState({ ...good, ...changes }).kind).toBe(kind)
  })
})
