/** Telling people: who was told of an alarm, how the channels are doing, where people are reached. */
import { path, request } from './request'
import type { AlarmNotice, ContactDraft, DeadChannels, NotifyChannel } from './types'

export const listAlarmNotices = (alarm: number, signal?: AbortSignal) =>
  request<AlarmNotice[]>(path`/alarms/${alarm}/deliveries`, signal && { signal })

export const listChannels = (signal?: AbortSignal) =>
  request<NotifyChannel[]>('/notify/channels', signal && { signal })

/** Which channels nothing gets through on, for everybody on duty. */
export const readDeadChannels = () => request<DeadChannels>('/notify/dead')

export const testChannel = (name: string) =>
  request<undefined>(path`/notify/channels/${name}/test`, { method: 'POST' })

/** null: one's own. */
const contactOf = (user: number | null) => (user === null ? '/session/contact' : path`/users/${user}/contact`)

export const getContact = (user: number | null, signal?: AbortSignal) =>
  request<ContactDraft>(contactOf(user), signal && { signal })

export const putContact = (user: number | null, draft: ContactDraft) =>
  request<undefined>(contactOf(user), { method: 'PUT', body: draft })
