/** Reads the messages of a live camera, as docs/ref/video.md describes them. Pure. */

export type StreamName = 'main' | 'sub'

export type UnavailableReason = 'camera_offline' | 'codec_not_playable' | 'edge_unreachable'

/** How to decode what follows. */
export interface Opened {
  readonly type: 'opened'
  readonly device: string
  readonly stream: string
  readonly streamId: number
  /** Another number than before: begin a new source buffer. */
  readonly epoch: number
  readonly mime: string
}

/** Why nothing follows. */
export interface Unavailable {
  readonly type: 'unavailable'
  readonly device: string
  readonly stream: string
  readonly reason: UnavailableReason
  /** Only with `codec_not_playable`. */
  readonly codec: string | null
}

export interface Frame {
  readonly streamId: number
  /** From 1 on; 0 is the initialisation segment. */
  readonly sequence: number
  readonly isKey: boolean
  /** By the edge's clock, milliseconds since 1970. */
  readonly capturedMs: number
  /** A piece of MP4. */
  readonly fragment: Uint8Array<ArrayBuffer>
}

const headerBytes = 24
const keyFlag = 2
const knownFlags = 3

/** null: not a message that this player knows. */
export function readMessage(text: string): Opened | Unavailable | null {
  const fields = readObject(text)
  if (!fields) return null
  const { type, device, stream, stream_id: streamId, epoch, mime, reason, codec } = fields
  if (typeof device !== 'string' || typeof stream !== 'string') return null
  if (type === 'opened') {
    if (typeof streamId !== 'number' || typeof epoch !== 'number' || typeof mime !== 'string') return null
    return { type, device, stream, streamId, epoch, mime }
  }
  if (type === 'unavailable' && isReason(reason)) {
    return { type, device, stream, reason, codec: typeof codec === 'string' ? codec : null }
  }
  return null
}

/** null: not a frame. */
export function readFrame(message: ArrayBuffer): Frame | null {
  if (message.byteLength <= headerBytes) return null
  const header = new DataView(message, 0, headerBytes)
  const flags = header.getUint8(1)
  if (header.getUint8(0) !== 1 || (flags & ~knownFlags) !== 0 || header.getUint16(2) !== 0) return null
  return {
    streamId: header.getUint32(4),
    sequence: Number(header.getBigUint64(8)),
    isKey: (flags & keyFlag) !== 0,
    capturedMs: Number(header.getBigInt64(16)),
    fragment: new Uint8Array(message, headerBytes),
  }
}

function isReason(value: unknown): value is UnavailableReason {
  return value === 'camera_offline' || value === 'codec_not_playable' || value === 'edge_unreachable'
}

function readObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : null
  } catch {
    return null
  }
}
