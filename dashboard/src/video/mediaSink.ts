/**
 * Puts pieces of MP4 into a video element through Media Source Extensions: strictly in order, one append at a time, with
 * what was seen thrown away. Knows nothing of cameras or sockets.
 */
import { behindS, steer, type Span } from './steering'

/** Pieces that may wait for the source buffer, in bytes. A page that is held up longer starts anew. */
const waitingBytesMax = 12 * 1024 * 1024
/** Video that was seen is kept so long, in seconds: a decoder needs the group of pictures it is in. */
const keepS = 10
/** Cleared away when there is so much more than that, in seconds. */
const slackS = 10

export interface MediaSinkHandlers {
  /** A picture is on the screen. */
  onPicture: () => void
  /** The browser gave up on what it was given; a new sink may fare better. */
  onBroken: () => void
}

interface SourceClass {
  new (): MediaSource
  isTypeSupported(mime: string): boolean
}

declare global {
  interface Window {
    /** Safari on phones has only this kind; TypeScript does not know it yet. */
    ManagedMediaSource?: SourceClass
    /** Absent there. */
    readonly MediaSource?: SourceClass
  }
}

const Source = window.ManagedMediaSource ?? window.MediaSource

export const isMediaSupported = Source !== undefined

export const canPlay = (mime: string) => Source?.isTypeSupported(mime) ?? false

export class MediaSink {
  readonly #video: HTMLVideoElement
  readonly #handlers: MediaSinkHandlers
  readonly #url: string
  readonly #source: MediaSource
  #buffer: SourceBuffer | null = null
  #waiting: Uint8Array<ArrayBuffer>[] = []
  #waitingBytes = 0
  #isClosed = false

  constructor(video: HTMLVideoElement, mime: string, handlers: MediaSinkHandlers) {
    if (!Source) throw new Error('no Media Source Extensions here')
    this.#video = video
    this.#handlers = handlers
    this.#source = new Source()
    this.#url = URL.createObjectURL(this.#source)
    this.#source.addEventListener('sourceopen', () => this.#open(mime), { once: true })
    video.addEventListener('loadeddata', this.#onPicture)
    video.addEventListener('error', this.#onError)
    video.disableRemotePlayback = true
    video.src = this.#url
  }

  /** Takes the next piece; pieces reach the decoder in the order they are given. */
  append(piece: Uint8Array<ArrayBuffer>): void {
    if (this.#isClosed) return
    this.#waiting.push(piece)
    this.#waitingBytes += piece.byteLength
    if (this.#waitingBytes > waitingBytesMax) this.#break()
    else this.#pump()
  }

  /** Keeps the player close to now; to be called a few times a second. */
  keepUp(): void {
    const video = this.#video
    if (this.#isClosed || video.readyState === HTMLMediaElement.HAVE_NOTHING) return
    const steering = steer(this.#spans(), video.currentTime, video.playbackRate)
    if (steering.kind === 'leap') video.currentTime = steering.to
    if (steering.kind === 'rate') video.playbackRate = steering.rate
    // Refused until the page is looked at or touched: tried again with the next call.
    if (video.paused) void video.play().catch(() => undefined)
  }

  /** How far the player is behind the newest piece, in seconds. */
  behindS(): number {
    return this.#isClosed ? 0 : behindS(this.#spans(), this.#video.currentTime)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#waiting = []
    this.#video.removeEventListener('loadeddata', this.#onPicture)
    this.#video.removeEventListener('error', this.#onError)
    this.#video.removeAttribute('src')
    this.#video.load()
    URL.revokeObjectURL(this.#url)
  }

  readonly #onPicture = () => this.#handlers.onPicture()
  readonly #onError = () => this.#break()

  #open(mime: string): void {
    if (this.#isClosed) return
    try {
      this.#buffer = this.#source.addSourceBuffer(mime)
    } catch {
      this.#break()
      return
    }
    this.#buffer.addEventListener('updateend', () => {
      this.keepUp()
      this.#pump()
    })
    this.#pump()
  }

  #pump(): void {
    const buffer = this.#buffer
    if (this.#isClosed || !buffer || buffer.updating || this.#source.readyState !== 'open') return
    try {
      const seenS = this.#video.currentTime - keepS
      const firstS = this.#spans()[0]?.start ?? 0
      if (seenS - firstS > slackS) buffer.remove(firstS, seenS)
      else if (this.#waiting.length > 0) buffer.appendBuffer(this.#takeAll())
    } catch {
      // Out of room, or the element is in error: a new sink starts from the next key frame.
      this.#break()
    }
  }

  #takeAll(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#waitingBytes)
    let at = 0
    for (const piece of this.#waiting) {
      bytes.set(piece, at)
      at += piece.byteLength
    }
    this.#waiting = []
    this.#waitingBytes = 0
    return bytes
  }

  #spans(): Span[] {
    const ranges = this.#buffer && this.#source.readyState === 'open' ? this.#buffer.buffered : null
    return Array.from({ length: ranges?.length ?? 0 }, (_, index) => ({
      start: ranges?.start(index) ?? 0,
      end: ranges?.end(index) ?? 0,
    }))
  }

  #break(): void {
    if (this.#isClosed) return
    this.close()
    this.#handlers.onBroken()
  }
}
