/** Signing in and out, and one's own password. */
import { request } from './request'
import type { Me } from './types'

export const signIn = (username: string, password: string) =>
  request<Me>('/session', { method: 'POST', body: { username, password } })

/** Nothing: nobody is signed in. */
export const whoAmI = () => request<Me | undefined>('/session')

export const signOut = () => request<undefined>('/session', { method: 'DELETE' })

export const changePassword = (current: string, next: string) =>
  request<undefined>('/session/password', { method: 'PUT', body: { current, new: next } })
