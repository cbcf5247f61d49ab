/** The one WebSocket to the gateway: connects, watches, comes back by itself, and resumes where it was. */
import type { LiveMessage } from '@/api/types'
import { isSilent, retryWaitMs, watchIntervalMs } from './liveWatch'

export type LinkPhase = 'connecting' | 'live' | 'lost'

export interface LiveSocketHandlers {
  /** Messages strictly in the order of their arrival. */
  onMessage: (message: LiveMessage) => void
  onPhase: (phase: LinkPhase) => void
  /** Where to go on from; null: with a snapshot. */
  resume: () => string | null
  /** A try failed before it opened: perhaps nobody is signed in any more. */
  onRefused: () => void
}

export interface LiveSocket {
  /** Milliseconds since the gateway was heard. */
  silenceMs: () => number
  /** Drops the connection and asks for a snapshot. */
  restart: () => void
  close: () => void
}

export function openLiveSocket(handlers: LiveSocketHandlers): LiveSocket {
  let socket: WebSocket | null = null
  let failedTries = 0
  let heardAtMs = performance.now()
  let triedAtMs = heardAtMs
  let lookedAtMs = heardAtMs
  let retryTimer: number | undefined
  let mustStartAnew = false
  let isClosed = false

  function connect(): void {
    const resume = mustStartAnew ? null : handlers.resume()
    mustStartAnew = false
    const url = new URL('/api/v1/live', window.location.href)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    if (resume) url.searchParams.set('resume', resume)
    triedAtMs = performance.now()
    let wasHeard = false

    const attempt = new WebSocket(url)
    socket = attempt
    attempt.onmessage = (event: MessageEvent<string>) => {
      heardAtMs = performance.now()
      if (!wasHeard) {
        wasHeard = true
        failedTries = 0
        handlers.onPhase('live')
      }
      const message: LiveMessage = JSON.parse(event.data)
      handlers.onMessage(message)
    }
    attempt.onclose = () => {
      if (socket !== attempt) return
      if (!wasHeard) handlers.onRefused()
      comeBack()
    }
  }

  function comeBack(): void {
    drop()
    if (isClosed) return
    handlers.onPhase('lost')
    window.clearTimeout(retryTimer)
    retryTimer = window.setTimeout(connect, retryWaitMs(failedTries, Math.random()))
    failedTries += 1
  }

  /** Forgets the socket at once: a dead one may take minutes to say that it closed. */
  function drop(): void {
    const old = socket
    socket = null
    if (!old) return
    old.onmessage = null
    old.onclose = null
    old.close()
  }

  const watch = window.setInterval(() => {
    const nowMs = performance.now()
    if (socket && isSilent({ nowMs, heardAtMs: Math.max(heardAtMs, triedAtMs), lookedAtMs })) comeBack()
    lookedAtMs = nowMs
  }, watchIntervalMs)

  /** The network says that it is back, or the page is looked at again: do not sit out the wait. */
  function hurry(): void {
    if (socket || isClosed || document.visibilityState === 'hidden') return
    window.clearTimeout(retryTimer)
    failedTries = 0
    connect()
  }
  window.addEventListener('online', hurry)
  document.addEventListener('visibilitychange', hurry)

  handlers.onPhase('connecting')
  connect()

  return {
    silenceMs: () => performance.now() - heardAtMs,
    restart: () => {
      mustStartAnew = true
      comeBack()
    },
    close: () => {
      isClosed = true
      window.clearInterval(watch)
      window.clearTimeout(retryTimer)
      window.removeEventListener('online', hurry)
      document.removeEventListener('visibilitychange', hurry)
      drop()
    },
  }
}
