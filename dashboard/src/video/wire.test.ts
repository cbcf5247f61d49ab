import { describe, expect, it } from 'vitest'
import { readFrame, readMessage } from './wire'

describe('readMessage', () => {
  it('reads both kinds', () => {
    const opened =
      '{"type":"opened","device":"c1","stream":"sub","stream_id":7,"epoch":9,"mime":"video/mp4","size":{}}'
    expect(readMessage(opened)).toEqual({
      type: 'opened',
      device: 'c1',
      stream: 'sub',
      streamId: 7,
      epoch: 9,
      mime: 'video/mp4',
    })
    const gone =
      '{"type":"unavailable","device":"c1","stream":"sub","reason":"codec_not_playable","codec":"hevc"}'
    expect(readMessage(gone)).toMatchObject({ reason: 'codec_not_playable', codec: 'hevc' })
  })

  it.each(['', 'null', '[]', '{"type":"opened","device":"c1","stream":"sub"}', '{"type":"closed"}'])(
    'refuses %j',
    (text) => {
      expect(readMessage(text)).toBeNull()
    },
  )
})

describe('readFrame', () => {
  // The same bytes as in the Rust tests of the protocol, with a fragment of four.
  const bytes = [1, 2, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 6, 109, 111, 111, 102]
  const changed = (at: number, value: number) => new Uint8Array(bytes.with(at, value)).buffer

  it('reads the documented layout', () => {
    const frame = readFrame(new Uint8Array(bytes).buffer)
    expect(frame).toMatchObject({ streamId: 0x01020304, sequence: 5, isKey: true, capturedMs: 6 })
    expect(new TextDecoder().decode(frame?.fragment)).toBe('moof')
  })

  it.each([
    ['another version', changed(0, 2)],
    ['an unknown flag', changed(1, 4)],
    ['reserved bytes', changed(3, 1)],
    ['a header alone', new Uint8Array(bytes.slice(0, 24)).buffer],
  ])('refuses %s', (_, message) => {
    expect(readFrame(message)).toBeNull()
  })
})
