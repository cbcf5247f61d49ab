/** How much room the readings take. */
import { request } from './request'
import type { Storage } from './types'

export const readStorage = (signal?: AbortSignal) => request<Storage>('/storage', signal ? { signal } : {})
