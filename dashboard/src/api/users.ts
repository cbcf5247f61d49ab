/** Accounts, for administrators. */
import { path, request } from './request'
import type { User, UserDraft } from './types'

export const listUsers = () => request<User[]>('/users')
export const addUser = (draft: UserDraft) => request<User>('/users', { method: 'POST', body: draft })
export const putUser = (id: number, draft: UserDraft) =>
  request<User>(path`/users/${id}`, { method: 'PUT', body: draft })
