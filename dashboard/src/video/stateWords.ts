/** What a tile says about its picture. Pure. */
import type { Text } from '@/text'
import { duration } from '@/text/format'
import type { TileState } from './tileState'

export function stateWords(state: TileState, text: Text): string {
  const { video } = text
  switch (state.kind) {
    case 'live':
      return video.live((state.ageMs / 1_000).toFixed(1))
    case 'stale':
      return video.stale(duration(state.ageMs, text))
    case 'connecting':
      return video.connecting
    case 'offline':
      return video.offline
    case 'edge-unreachable':
      return video.edgeUnreachable
    case 'not-playable':
      return video.notPlayable(state.codec)
    case 'lost':
      return video.lost
    case 'unsupported':
      return video.unsupported
  }
}
