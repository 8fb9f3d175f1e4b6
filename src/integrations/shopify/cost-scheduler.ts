// Decides which query is sent next: when the shop's query budget can pay for it, the most urgent lane first, nobody kept waiting for ever.
import type { Clock } from '../../core/clock.ts'
import { LANES, type Lane } from '../../core/commerce.ts'
import { CommerceError } from '../../core/commerce-error.ts'
import { createCostBucket, type CostBucket, type CostReport, type Sent } from './cost-bucket.ts'

/** What became of one try. */
export type Sending<T> =
  | { kind: 'done', value: T, report: CostReport | undefined }
  /** We were told to wait: it goes back to the head of its lane, and nothing is sent for so long. */
  | { kind: 'again', waitMs: number, report: CostReport | undefined }
  /** It was never sent. */
  | { kind: 'refused', error: unknown }

export interface Job<T> {
  lane: Lane
  /** Points that the shop will ask for, as far as we know. Asked anew before each try. */
  cost: () => number
  signal: AbortSignal
  send: () => Promise<Sending<T>>
}

export interface CostScheduler {
  /**
   * Sends when it is the job's turn. @throws CommerceError `shop_busy` when too many wait, `shop_throttled` when its turn does not come in time; what
   * `send` throws; the reason of the signal.
   */
  run<T> (job: Job<T>): Promise<T>
  snapshot (): { available: number, maximum: number, restoreRate: number, waiting: number, underWay: number }
  /** Rejects whatever waits. */
  close (): void
}

export interface CostSchedulerOptions {
  clock: Clock
  /** How many queries may be on their way at once. */
  concurrent?: number
  /** How many may wait. */
  queue?: number
  /** The longest wait for a turn. */
  maxWaitMs?: number
}

/** Of the budget, only for orders: so that a burst of research never makes an order wait for the bucket to fill. */
const ORDERS_SHARE = 0.2
/** After this long a job counts as one lane more urgent. The last lane so reaches the first after 25 s, and then the longer wait decides. */
const AGING_MS = 5_000

interface Place {
  /** Position in LANES. */
  lane: number
  enqueuedAt: number
  /** Counts up: decides between equals. One that was told to wait keeps its own. */
  order: number
  cost: () => number
  signal: AbortSignal
  deadline: number
}

interface Waiting extends Place {
  start: () => void
  reject: (reason: unknown) => void
  /** Takes it out of the queue with its listeners. */
  leave: () => void
}

export const createCostScheduler = (
  { clock, concurrent = 6, queue: longest = 1_000, maxWaitMs = 120_000 }: CostSchedulerOptions
): CostScheduler => {
  const bucket: CostBucket = createCostBucket(clock)
  const queue = new Set<Waiting>()
  let underWay = 0
  let counter = 0
  let heldUntil = -Infinity
  let timer: unknown
  let closed = false

  const urgency = (waiting: Waiting, now: number): number =>
    Math.max(0, waiting.lane - Math.floor((now - waiting.enqueuedAt) / AGING_MS))

  const first = (): Waiting | undefined => {
    const now = clock.monotonic()
    let best: Waiting | undefined
    let bestUrgency = Infinity
    for (const waiting of queue) {
      const own = urgency(waiting, now)
      if (best === undefined || own < bestUrgency || (own === bestUrgency && waiting.order < best.order)) {
        best = waiting
        bestUrgency = own
      }
    }
    return best
  }

  /** Points that must be there before it is sent: its cost, and for all but orders the share of orders; never more than the bucket can hold. */
  const needed = (waiting: Waiting): number => {
    const reserve = waiting.lane === 0 ? 0 : bucket.maximum * ORDERS_SHARE
    return Math.min(waiting.cost() + reserve, bucket.maximum)
  }

  const pump = (): void => {
    if (timer !== undefined) clock.clearTimeout(timer)
    timer = undefined
    for (;;) {
      const next = underWay < concurrent ? first() : undefined
      if (next === undefined) return
      const wait = Math.max(heldUntil - clock.monotonic(), bucket.millisecondsUntil(needed(next)))
      if (wait > 0) {
        // Infinity: the end of a call under way pumps again. The order of the lanes may change meanwhile, so it is decided then.
        if (wait !== Infinity) timer = clock.setTimeout(pump, wait)
        return
      }
      next.leave()
      next.start()
    }
  }

  const turn = (job: Place): Promise<Sent> =>
    new Promise((resolve, reject) => {
      const timeout = clock.setTimeout(() => {
        leave()
        reject(tooLong(bucket.millisecondsUntil(needed(waiting))))
        pump()
      }, Math.max(0, job.deadline - clock.monotonic()))
      const onAbort = (): void => {
        leave()
        reject(job.signal.reason)
        pump()
      }
      const leave = (): void => {
        queue.delete(waiting)
        clock.clearTimeout(timeout)
        job.signal.removeEventListener('abort', onAbort)
      }
      const waiting: Waiting = {
        ...job,
        start () {
          // Paid for here, in the turn of the decision: the promise's continuation would come too late for the next decision.
          underWay += 1
          resolve(bucket.send(job.cost()))
        },
        reject,
        leave
      }
      job.signal.addEventListener('abort', onAbort, { once: true })
      queue.add(waiting)
      pump()
    })

  return {
    async run<T> ({ lane, cost, signal, send }: Job<T>): Promise<T> {
      const place = { lane: LANES.indexOf(lane), enqueuedAt: clock.monotonic(), order: counter++, cost, signal, deadline: clock.monotonic() + maxWaitMs }
      for (;;) {
        signal.throwIfAborted()
        if (closed) throw new CommerceError('shop_unavailable', 'The connection to the shop is being closed.')
        if (queue.size >= longest) throw new CommerceError('shop_busy', `${longest} queries wait for the shop already.`)
        const sent = await turn(place)
        let sending: Sending<T> | undefined
        try {
          sending = signal.aborted ? { kind: 'refused', error: signal.reason } : await send()
        } finally {
          underWay -= 1
          if (sending?.kind === 'again') heldUntil = Math.max(heldUntil, clock.monotonic() + sending.waitMs)
          if (sending?.kind === 'refused' || (sending?.kind === 'again' && sending.report === undefined)) bucket.cancel(sent)
          else bucket.settle(sent, sending?.report)
          pump()
        }
        if (sending.kind === 'done') return sending.value
        if (sending.kind === 'refused') throw sending.error
        if (heldUntil >= place.deadline) throw tooLong(sending.waitMs)
      }
    },
    snapshot: () => ({
      available: bucket.available(), maximum: bucket.maximum, restoreRate: bucket.restoreRate, waiting: queue.size, underWay
    }),
    close () {
      closed = true
      if (timer !== undefined) clock.clearTimeout(timer)
      timer = undefined
      for (const waiting of queue) {
        waiting.leave()
        waiting.reject(new CommerceError('shop_unavailable', 'The connection to the shop is being closed.'))
      }
    }
  }
}

const tooLong = (retryAfterMs: number): CommerceError => new CommerceError(
  'shop_throttled',
  'The query budget of the shop is spent, and the turn of this query did not come in time.',
  Number.isFinite(retryAfterMs) ? { retryAfterMs } : {}
)
