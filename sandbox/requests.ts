// What reached the sandbox and when: tells whether a caller stopped calling, waited as long as it was told, and really cancelled.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { UpstreamName } from './upstreams.ts'

export type Receiver = UpstreamName | 'elsewhere'

export interface ReceivedRequest {
  n: number
  upstream: Receiver
  /** `TLS`: a connection to the listener with the wrong certificate, which with a caller that checks it no request follows. */
  method: string
  /** Without its query, which may hold search terms. */
  path: string
  /** Milliseconds since the epoch. */
  at: number
  /** Kind of the fault that it met; null when it was answered as usual. */
  fault: string | null
  /** Null until the answer's head is sent, and for ever when none was. */
  status: number | null
  /** When the answer was complete or the connection closed. */
  ended_at: number | null
  /** The connection closed before the answer was complete, by us for a fault, else by the caller. */
  cut: boolean
  /** It came while an earlier answer's Retry-After (or THROTTLED) still asked to wait. */
  inside_wait: boolean
}

export interface RequestCounts {
  total: number
  faults: number
  inside_wait: number
  cut: number
  /** Not among the total. */
  tls_connections: number
}

export interface RequestLog {
  /** `upstream` takes a request in; what becomes of it is filled in later. */
  begin (upstream: Receiver, request: IncomingMessage, response: ServerResponse): ReceivedRequest
  /** Takes in a connection to the listener with the wrong certificate. */
  connected (upstream: UpstreamName): void
  /** An answer told to send nothing before `until`, milliseconds since the epoch. */
  told (upstream: Receiver, until: number): void
  list (filter: { upstream?: string | undefined, since: number, limit: number }): ReceivedRequest[]
  counts (): Record<string, RequestCounts>
  clear (): void
}

const KEPT = 50_000
/** A caller cannot know of an answer that is still on its way to it. */
const UNDER_WAY_MS = 100

export const createRequestLog = (now: () => number): RequestLog => {
  let entries: ReceivedRequest[] = []
  let counts = new Map<Receiver, RequestCounts>()
  const waits = new Map<Receiver, { from: number, until: number }>()
  let next = 1

  const countsOf = (upstream: Receiver): RequestCounts => {
    let found = counts.get(upstream)
    if (found === undefined) counts.set(upstream, found = { total: 0, faults: 0, inside_wait: 0, cut: 0, tls_connections: 0 })
    return found
  }
  const add = (entry: ReceivedRequest): void => {
    entries.push(entry)
    if (entries.length > KEPT) entries = entries.slice(-KEPT / 2)
  }
  const told = (upstream: Receiver, until: number): void => {
    const at = now()
    const current = waits.get(upstream)
    if (until <= at || (current !== undefined && current.until >= until)) return
    // A longer wait that follows without a gap is the same wait.
    const from = current !== undefined && current.until > at ? current.from : at + UNDER_WAY_MS
    waits.set(upstream, { from, until })
  }

  return {
    begin (upstream, request, response) {
      const at = now()
      const wait = waits.get(upstream)
      const entry: ReceivedRequest = {
        n: next++,
        upstream,
        method: request.method ?? '',
        path: (request.url ?? '').split('?')[0] ?? '',
        at,
        fault: null,
        status: null,
        ended_at: null,
        cut: false,
        inside_wait: wait !== undefined && at >= wait.from && at < wait.until
      }
      add(entry)
      const count = countsOf(upstream)
      count.total += 1
      if (entry.inside_wait) count.inside_wait += 1
      response.once('close', () => {
        entry.status ??= response.headersSent ? response.statusCode : null
        entry.ended_at = now()
        entry.cut = !response.writableFinished
        if (entry.cut) count.cut += 1
        if (entry.fault !== null) count.faults += 1
        const until = waitIn(response, now())
        if (until !== undefined) told(upstream, until)
      })
      return entry
    },
    connected (upstream) {
      countsOf(upstream).tls_connections += 1
      const at = now()
      add({ n: next++, upstream, method: 'TLS', path: '', at, fault: null, status: null, ended_at: null, cut: false, inside_wait: false })
    },
    told,
    list: ({ upstream, since, limit }) => entries
      .filter((entry) => entry.at >= since && (upstream === undefined || entry.upstream === upstream)).slice(-limit),
    counts: () => Object.fromEntries(counts),
    clear () {
      entries = []
      counts = new Map()
      waits.clear()
    }
  }
}

/** Until when a refusal tells to wait. Those of a failing server are not meant: they say when it may be back. */
const waitIn = (response: ServerResponse, now: number): number | undefined => {
  if (response.statusCode !== 429 && response.statusCode !== 403) return undefined
  const after = response.getHeader('retry-after')
  if (after !== undefined) {
    const seconds = Number(after)
    const until = Number.isFinite(seconds) ? now + seconds * 1000 : Date.parse(String(after))
    return Number.isNaN(until) ? undefined : until
  }
  if (String(response.getHeader('x-ratelimit-remaining')) !== '0') return undefined
  return Number(response.getHeader('x-ratelimit-reset')) * 1000
}
