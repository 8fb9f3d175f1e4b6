// What one process committed, for the others: short texts through NOTIFY. What is lost on the way is found by looking, later.
import { randomUUID } from 'node:crypto'
import { JOB_QUEUES, type JobQueue } from '../../core/model.ts'
import type { Notice } from '../../core/store.ts'
import { emptyNotice, mergeNotices } from '../notices.ts'

/** NOTIFY takes less than 8,000 bytes. */
const LONGEST_PAYLOAD = 7_500

interface Payload {
  /** Who says so. */
  from: string
  streams?: string[]
  queues?: JobQueue[]
  cancels?: Array<[id: string, reason: string]>
  finished?: string[]
  gone?: string[]
  waits?: Array<[name: string, until: number]>
  plans?: 1
  holds?: 1
  keys?: 1
}

type ListKey = 'streams' | 'queues' | 'cancels' | 'finished' | 'gone' | 'waits'

/** In portions; none when there is nothing to tell. */
export const payloadsOf = (from: string, notice: Notice): string[] => {
  const items: Array<[ListKey, unknown]> = [
    ...[...notice.queues].map((queue): [ListKey, unknown] => ['queues', queue]),
    ...(notice.waits ?? []).map(({ name, until }): [ListKey, unknown] => ['waits', [name, until]]),
    ...notice.cancels.map(({ id, reason }): [ListKey, unknown] => ['cancels', [id, reason]]),
    ...[...notice.streams.keys()].map((stream): [ListKey, unknown] => ['streams', stream]),
    ...notice.finished.map((id): [ListKey, unknown] => ['finished', id]),
    ...notice.gone.map((id): [ListKey, unknown] => ['gone', id])
  ]
  const flags = {
    ...(notice.plans ? { plans: 1 as const } : {}),
    ...(notice.holds === true ? { holds: 1 as const } : {}),
    ...(notice.keys === true ? { keys: 1 as const } : {})
  }
  if (items.length === 0 && Object.keys(flags).length === 0) return []
  const payloads: Payload[] = [{ from, ...flags }]
  let length = JSON.stringify(payloads[0]).length
  for (const [key, item] of items) {
    const size = Buffer.byteLength(JSON.stringify(item)) + 14
    if (length + size > LONGEST_PAYLOAD) {
      payloads.push({ from })
      length = from.length + 12
    }
    const payload = payloads.at(-1) as Record<ListKey, unknown[] | undefined>
    payload[key] = [...payload[key] ?? [], item]
    length += size
  }
  return payloads.map((payload) => JSON.stringify(payload))
}

/** Undefined for what this process said itself, and for what nobody of ours said. */
export const noticeOf = (own: string, text: string): Notice | undefined => {
  let payload: Payload
  try {
    payload = JSON.parse(text) as Payload
  } catch {
    return undefined
  }
  if (payload.from === own) return undefined
  return {
    ...emptyNotice(),
    streams: new Map((payload.streams ?? []).map((stream) => [stream, undefined])),
    queues: new Set(payload.queues ?? []),
    cancels: (payload.cancels ?? []).map(([id, reason]) => ({ id, reason })),
    finished: payload.finished ?? [],
    gone: payload.gone ?? [],
    plans: payload.plans === 1,
    ...(payload.waits === undefined ? {} : { waits: payload.waits.map(([name, until]) => ({ name, until })) }),
    ...(payload.holds === 1 ? { holds: true } : {}),
    ...(payload.keys === 1 ? { keys: true } : {})
  }
}

/** Whatever was missed may be anything. */
export const everything = (): Notice =>
  ({ ...emptyNotice(), queues: new Set(JOB_QUEUES), plans: true, holds: true, keys: true, everything: true })

/** Tells others of commits, one message at a time: what is committed while one is on its way goes into the next. */
export class Notifier {
  readonly id = randomUUID()
  readonly #send: (payloads: string[]) => Promise<void>
  #waiting: Notice[] = []
  #sending = false

  constructor (send: (payloads: string[]) => Promise<void>) {
    this.#send = send
  }

  notify (notice: Notice): void {
    this.#waiting.push(notice)
    if (!this.#sending) this.#flush().catch(() => {})
  }

  async #flush (): Promise<void> {
    this.#sending = true
    try {
      while (this.#waiting.length > 0) {
        const payloads = payloadsOf(this.id, mergeNotices(this.#waiting.splice(0)))
        if (payloads.length > 0) await this.#send(payloads)
      }
    } finally {
      this.#sending = false
    }
  }
}
