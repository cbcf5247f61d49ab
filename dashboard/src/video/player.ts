/** One camera on one video element: the socket, its messages in turn, and coming back by itself. */
import { retryWaitMs } from '@/state/liveWatch'
import { ageMs, noAge, noteFrame } from './age'
import { nothingYet, takeFrame, takeMessage, type Asked } from './intake'
import { canPlay, isMediaSupported, MediaSink } from './mediaSink'
import { tileState, type TileState } from './tileState'
import { readFrame, readMessage, type Frame, type Opened, type Unavailable } from './wire'

/** How often the player is steered and its state renewed. */
const tickMs = 250

export interface Player {
  close: () => void
}

export interface PlayerOptions extends Asked {
  readonly video: HTMLVideoElement
  /** Told whenever something may have changed. */
  readonly onState: (state: TileState) => void
}

export function openPlayer({ video, device, stream, onState }: PlayerOptions): Player {
  let socket: WebSocket | null = null
  let failedTries = 0
  let hasFailed = false
  let retryTimer: number | undefined
  let isClosed = false

  let intake = nothingYet
  let age = noAge
  let sink: MediaSink | null = null
  let hasPicture = false
  let refusedMime: string | null = null

  function connect(): void {
    const url = new URL(`/api/v1/cameras/${encodeURIComponent(device)}/live`, window.location.href)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    url.searchParams.set('stream', stream)
    const attempt = new WebSocket(url)
    // Not blobs: reading those takes turns of its own, and fragments would overtake each other.
    attempt.binaryType = 'arraybuffer'
    socket = attempt
    attempt.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      const { data } = event
      const isUnderstood = typeof data === 'string' ? hear(readMessage(data)) : see(readFrame(data))
      if (!isUnderstood) comeBack()
    }
    attempt.onclose = () => {
      if (socket === attempt) comeBack()
    }
  }

  /** false: the connection is of no use. */
  function hear(message: Opened | Unavailable | null): boolean {
    if (!message) return false
    const [next, action] = takeMessage(intake, message, { device, stream })
    intake = next
    if (action === 'foreign') return false
    failedTries = 0
    hasFailed = false
    if (action === 'begin' && message.type === 'opened') begin(message.mime)
    if (action === 'stop') end()
    tell()
    return true
  }

  function see(frame: Frame | null): boolean {
    if (!frame) return false
    const [next, action] = takeFrame(intake, frame)
    intake = next
    if (action === 'append') {
      sink?.append(frame.fragment)
      if (frame.sequence > 0) age = noteFrame(age, frame.capturedMs, performance.now())
    }
    return action !== 'foreign'
  }

  function begin(mime: string): void {
    end()
    refusedMime = canPlay(mime) ? null : mime
    if (refusedMime !== null) return
    sink = new MediaSink(video, mime, {
      onPicture: () => {
        hasPicture = true
        tell()
      },
      onBroken: () => {
        sink = null
        comeBack()
      },
    })
  }

  /** Takes the picture off the screen. */
  function end(): void {
    sink?.close()
    sink = null
    hasPicture = false
    refusedMime = null
    age = noAge
  }

  /** The picture stays, and its age tells. What comes with the new connection continues it or replaces it. */
  function comeBack(): void {
    hangUp()
    if (isClosed) return
    hasFailed = true
    if (!sink || !hasPicture) {
      intake = nothingYet
      end()
    }
    window.clearTimeout(retryTimer)
    retryTimer = window.setTimeout(connect, retryWaitMs(failedTries, Math.random()))
    failedTries += 1
    tell()
  }

  function hangUp(): void {
    const old = socket
    socket = null
    if (!old) return
    old.onmessage = null
    old.onclose = null
    old.close()
  }

  function tell(): void {
    const shownAgeMs = hasPicture ? ageMs(age, performance.now(), sink?.behindS() ?? 0) : null
    const isConnected = socket?.readyState === WebSocket.OPEN
    const { message } = intake
    onState(
      tileState({
        isSupported: isMediaSupported,
        isConnected,
        hasFailed,
        message,
        refusedMime,
        ageMs: shownAgeMs,
      }),
    )
  }

  const tick = window.setInterval(() => {
    sink?.keepUp()
    tell()
  }, tickMs)

  if (isMediaSupported) connect()
  tell()

  return {
    close: () => {
      isClosed = true
      window.clearInterval(tick)
      window.clearTimeout(retryTimer)
      hangUp()
      end()
    },
  }
}
