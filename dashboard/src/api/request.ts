/** One way to ask the gateway. A failure is a value, so that every caller has to show it. */
import type { Problem } from './types'

export type Answer<T> =
  { kind: 'ok'; value: T; status: number } | { kind: 'problem'; problem: Problem } | { kind: 'aborted' }

/** The same answer with its value seen another way. */
export function mapAnswer<T, U>(answer: Answer<T>, see: (value: T) => U): Answer<U> {
  return answer.kind === 'ok' ? { ...answer, value: see(answer.value) } : answer
}

/** Longer than any answer the gateway gives in good health; after it the person is told. */
const timeoutMs = 15_000

const unreachable: Problem = {
  type: 'urn:brightwatch:problem:unreachable',
  title: 'Gateway unreachable',
  status: 0,
  detail: 'The gateway does not answer. Check the network; the page keeps trying to reconnect.',
  detail_zh: '网关没有应答。请检查网络；页面会持续尝试重新连接。',
}

function unreadable(status: number): Problem {
  return {
    type: 'urn:brightwatch:problem:unreadable-answer',
    title: 'Unreadable answer',
    status,
    detail: `The gateway answered ${status} without an explanation.`,
    detail_zh: `网关返回 ${status}，未附说明。`,
  }
}

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  query?: Record<string, string | number | boolean | undefined>
  body?: unknown
  /** A body that is sent as it is, with its type. */
  text?: { type: string; content: string }
  /** A file that is sent as it is; it knows its own type. */
  file?: Blob
  signal?: AbortSignal
}

let onSignedOut: () => void = () => undefined

/** Called once at start: what to do when the gateway says that nobody is signed in. */
export function whenSignedOut(handler: () => void): void {
  onSignedOut = handler
}

export function path(strings: TemplateStringsArray, ...ids: (string | number)[]): string {
  return strings.reduce((text, part, index) => {
    const id = ids[index]
    return text + part + (id === undefined ? '' : encodeURIComponent(id))
  }, '')
}

export async function request<T>(route: string, options: RequestOptions = {}): Promise<Answer<T>> {
  const limit = AbortSignal.timeout(timeoutMs)
  const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit
  const init: RequestInit = {
    method: options.method ?? 'GET',
    signal,
    headers: { accept: 'application/json' },
  }
  if (options.text) {
    init.body = options.text.content
    init.headers = { ...init.headers, 'content-type': options.text.type }
  } else if (options.file) {
    init.body = options.file
    init.headers = { ...init.headers, 'content-type': options.file.type }
  } else if (options.body !== undefined) {
    init.body = JSON.stringify(options.body)
    init.headers = { ...init.headers, 'content-type': 'application/json' }
  }
  try {
    const response = await fetch(`/api/v1${route}${queryText(options.query)}`, init)
    if (response.status === 401 && route !== '/session') onSignedOut()
    if (!response.ok) return { kind: 'problem', problem: await problemOf(response) }
    const value: unknown = response.status === 204 ? undefined : await response.json().catch(() => undefined)
    return { kind: 'ok', value: value as T, status: response.status }
  } catch {
    return options.signal?.aborted ? { kind: 'aborted' } : { kind: 'problem', problem: unreachable }
  }
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    const body = (await response.json()) as Partial<Problem> | null
    if (typeof body?.detail === 'string') return { ...unreadable(response.status), ...body } as Problem
  } catch {
    // Not JSON: a proxy's page, perhaps. The status is all there is.
  }
  return unreadable(response.status)
}

function queryText(query: RequestOptions['query']): string {
  const parameters = new URLSearchParams()
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined) parameters.set(name, String(value))
  }
  const text = parameters.toString()
  return text === '' ? '' : `?${text}`
}
