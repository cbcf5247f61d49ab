/** What a tile shows and says. Pure. */
import type { Opened, Unavailable } from './wire'

export type TileState =
  | { readonly kind: 'connecting' }
  /** Pictures move. */
  | { readonly kind: 'live'; readonly ageMs: number }
  /** The last picture stands, and is that old. */
  | { readonly kind: 'stale'; readonly ageMs: number }
  | { readonly kind: 'offline' }
  | { readonly kind: 'edge-unreachable' }
  | { readonly kind: 'not-playable'; readonly codec: string }
  /** No connection to the gateway; it is tried again. */
  | { readonly kind: 'lost' }
  /** This browser cannot play any live picture. */
  | { readonly kind: 'unsupported' }

export interface Facts {
  readonly isSupported: boolean
  readonly isConnected: boolean
  /** Connecting failed, or the connection was lost, since a picture was last shown. */
  readonly hasFailed: boolean
  readonly message: Opened | Unavailable | null
  /** The browser refused the codec. */
  readonly refusedMime: string | null
  /** Age of the picture that is shown; null: none is. */
  readonly ageMs: number | null
}

/** A picture older than this is no longer called live. Cameras send at least five a second. */
export const staleAfterMs = 3_000

export function tileState(facts: Facts): TileState {
  const { isSupported, isConnected, hasFailed, message, refusedMime, ageMs } = facts
  if (!isSupported) return { kind: 'unsupported' }
  if (!isConnected && hasFailed) return { kind: 'lost' }
  if (refusedMime !== null) return { kind: 'not-playable', codec: refusedMime }
  if (message?.type === 'unavailable') {
    if (message.reason === 'camera_offline') return { kind: 'offline' }
    if (message.reason === 'edge_unreachable') return { kind: 'edge-unreachable' }
    return { kind: 'not-playable', codec: message.codec ?? '' }
  }
  if (ageMs === null) return { kind: 'connecting' }
  return { kind: ageMs > staleAfterMs ? 'stale' : 'live', ageMs }
}
