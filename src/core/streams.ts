// Following a stream: stored events first, then what is committed next, without loss, doubling or reordering at the seam.
import { SYSTEM_STREAM, type StreamEvent } from './model.ts'
import type { Notice, Store } from './store.ts'

/** Where a follower's events go. */
export interface StreamSink {
  /** Sends one SSE frame. The same text is handed to every follower of the stream. */
  write (frame: string): void
  /** True while so much is unsent that reading further from the store should wait. */
  congested (): boolean
  /** Nothing more will come. */
  end (why: StreamEnd): void
}

/** `final`: the reply has ended. `deleted`: the session is gone. `draining`: the server stops, reconnect elsewhere. `failed`: the store did not answer. */
export type StreamEnd = 'final' | 'deleted' | 'draining' | 'failed'

export interface FollowOptions {
  stream: string
  /** Position of the last event that the client has. */
  after: number
  /** Only this job's events (a client that comes without a position wants the latest reply). */
  job_id?: string
  /** End after the first final event. */
  untilFinal: boolean
}

export interface Follower {
  /** Position of the last event that was written. */
  readonly position: number
  /** To be called when the sink is no longer congested. */
  resume (): void
  stop (): void
}

// Small: what does not fit between two pauses of a reader is read again.
const PAGE = 64
/** Characters that a replay writes at a time. */
const LONGEST_WRITE = 16 * 1024
/** Streams in one question to the store. */
const SWEPT_AT_ONCE = 1_000

export class Streams {
  readonly #store: Store
  readonly #followers = new Map<string, Set<StreamFollower>>()
  #open = 0

  constructor (store: Store) {
    this.#store = store
    store.subscribe((notice) => { this.#spread(notice) })
  }

  /** How many followers there are now. */
  get open (): number { return this.#open }

  follow (options: FollowOptions, sink: StreamSink): Follower {
    const follower = new StreamFollower(this.#store, options, sink, () => { this.#remove(options.stream, follower) })
    const known = this.#followers.get(options.stream)
    if (known === undefined) this.#followers.set(options.stream, new Set([follower]))
    else known.add(follower)
    this.#open += 1
    follower.resume()
    return follower
  }

  /** Ends every stream; clients come back with their last id. */
  drain (): void {
    for (const follower of this.#all()) follower.finish('draining')
  }

  /**
   * Looks whether streams have grown unheard: a process can die between its commit and its word of it. Needed where others share the store.
   * Never rejects: a store that is away is looked at again.
   */
  async sweep (): Promise<void> {
    const streams = [...this.#followers.keys()]
    for (let at = 0; at < streams.length; at += SWEPT_AT_ONCE) {
      const portion = streams.slice(at, at + SWEPT_AT_ONCE)
      const ends = await this.#store.streamEnds(portion).catch(() => undefined)
      for (const stream of ends === undefined ? [] : portion) {
        for (const follower of [...this.#followers.get(stream) ?? []]) {
          const end = ends![stream]
          if (end === undefined && stream !== SYSTEM_STREAM) follower.finish('deleted')
          else if ((end ?? 0) > follower.position) follower.grown(undefined)
        }
      }
    }
  }

  #all (): StreamFollower[] { return [...this.#followers.values()].flatMap((followers) => [...followers]) }

  #spread (notice: Notice): void {
    for (const [stream, events] of notice.streams) {
      const followers = this.#followers.get(stream)
      if (followers === undefined) continue
      for (const follower of [...followers]) follower.grown(events)
    }
    if (notice.everything === true) for (const follower of this.#all()) follower.grown(undefined)
    for (const stream of notice.gone) for (const follower of [...this.#followers.get(stream) ?? []]) follower.finish('deleted')
  }

  #remove (stream: string, follower: StreamFollower): void {
    const followers = this.#followers.get(stream)
    if (followers?.delete(follower) !== true) return
    this.#open -= 1
    if (followers.size === 0) this.#followers.delete(stream)
  }
}

class StreamFollower implements Follower {
  position: number
  readonly #store: Store
  readonly #sink: StreamSink
  readonly #stream: string
  readonly #jobId: string | undefined
  readonly #untilFinal: boolean
  readonly #onStop: () => void
  /** What is stored beyond `position` is unknown: read before passing anything on. */
  #behind = true
  #reading = false
  #stopped = false

  constructor (store: Store, options: FollowOptions, sink: StreamSink, onStop: () => void) {
    this.#store = store
    this.#sink = sink
    this.#stream = options.stream
    this.#jobId = options.job_id
    this.#untilFinal = options.untilFinal
    this.#onStop = onStop
    this.position = options.after
  }

  grown (events: StreamEvent[] | undefined): void {
    if (this.#stopped) return
    if (events === undefined || this.#behind || events[0]!.seq !== this.position + 1) {
      this.#behind = true
      this.resume()
    } else {
      this.#pass(events)
    }
  }

  resume (): void {
    if (!this.#behind || this.#reading || this.#stopped || this.#sink.congested()) return
    this.#reading = true
    this.#catchUp().catch(() => { this.finish('failed') }).finally(() => { this.#reading = false })
  }

  stop (): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#onStop()
  }

  finish (why: StreamEnd): void {
    if (this.#stopped) return
    this.stop()
    this.#sink.end(why)
  }

  async #catchUp (): Promise<void> {
    while (!this.#stopped && !this.#sink.congested()) {
      // Whatever is committed from here on sets it again.
      this.#behind = false
      const events = await this.#store.readEvents(this.#stream, this.position, PAGE)
      if (this.#stopped) return
      if (events.length === PAGE) this.#behind = true
      this.#tellGap(events[0])
      for (const portion of portionsOf(events)) {
        // A reader that reads is never cut by its own replay: it pauses here and goes on when it is drained.
        if (this.#sink.congested()) {
          this.#behind = true
          return
        }
        this.#pass(portion)
        if (this.#stopped) return
      }
      if (!this.#behind) return
    }
  }

  /** A reader that took so long that old events went meanwhile is told so. */
  #tellGap (next: StreamEvent | undefined): void {
    if (next === undefined || next.seq <= this.position + 1) return
    this.#sink.write(gapFrame(this.#stream, next.seq))
    this.position = next.seq - 1
  }

  /** What came together is sent together. Events that were read and told of at the same time are passed on once. */
  #pass (events: StreamEvent[]): void {
    let frames = ''
    let final = false
    for (const event of events) {
      if (event.seq <= this.position) continue
      this.position = event.seq
      if (this.#jobId !== undefined && event.job_id !== this.#jobId) continue
      frames += frameOf(event)
      final = event.final && this.#untilFinal
      if (final) break
    }
    if (frames !== '') this.#sink.write(frames)
    if (final && !this.#stopped) this.finish('final')
  }
}

/** Parts of at most so many characters, or of one event. */
function * portionsOf (events: StreamEvent[]): Iterable<StreamEvent[]> {
  let portion: StreamEvent[] = []
  let length = 0
  for (const event of events) {
    if (length + event.data.length > LONGEST_WRITE && portion.length > 0) {
      yield portion
      portion = []
      length = 0
    }
    portion.push(event)
    length += event.data.length
  }
  if (portion.length > 0) yield portion
}

/** Says that events before `first` are no longer stored. */
export const gapFrame = (stream: string, first: number): string =>
  `event: gap\ndata: ${JSON.stringify({ type: 'gap', first, ...(stream === SYSTEM_STREAM ? {} : { session_id: stream }) })}\n\n`

// Ten thousand followers of one stream share one text.
const frames = new WeakMap<StreamEvent, string>()

const frameOf = (event: StreamEvent): string => {
  let frame = frames.get(event)
  if (frame === undefined) {
    frame = `id: ${event.seq}\nevent: ${event.name}\ndata: ${event.data}\n\n`
    frames.set(event, frame)
  }
  return frame
}
