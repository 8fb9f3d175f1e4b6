// Server-sent events on the raw response: heartbeats for all streams from one timer, and an end that EventSource understands.
import type { ServerResponse } from 'node:http'
import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { FollowOptions, StreamEnd, StreamSink, Streams } from '../src/core/streams.ts'
import { systemRandom } from '../src/core/random.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The client's Last-Event-ID: the header, or the query parameter for clients that cannot set headers. */
    lastEventId (): string | undefined
  }
  interface FastifyReply {
    /** Opens a stream that follows stored events. `first`: frames to send before them. */
    follow (streams: Streams, options: FollowOptions, first?: string): void
    /** Sends frames and ends. */
    endStream (frames: string): void
  }
}

export interface SseOptions {
  heartbeatMs: number
  /** What clients are told to wait before they reconnect. */
  retryMs: number
}

/** A reader with this much unsent data is cut; it can resume from its last id. */
const CUT_AT_BYTES = 256 * 1024
/** Replay pauses above this, until the socket has drained. */
const PAUSE_AT_BYTES = 64 * 1024
// Heartbeats go out in groups, so that ten thousand streams are not written to in one turn.
const HEARTBEAT_GROUPS = 20
// Clients of a server that stops come back spread over this time.
const RECONNECT_SPREAD_MS = 2_000

const plugin: FastifyPluginCallback<SseOptions> = (app, { heartbeatMs, retryMs }, done) => {
  const groups = Array.from({ length: HEARTBEAT_GROUPS }, () => new Set<Connection>())
  let group = 0
  let opened = 0
  const timer = setInterval(() => {
    group = (group + 1) % HEARTBEAT_GROUPS
    for (const connection of groups[group]!) connection.beat()
  }, heartbeatMs / HEARTBEAT_GROUPS)
  timer.unref()
  app.addHook('onClose', (_instance, done) => {
    clearInterval(timer)
    done()
  })

  app.decorateRequest('lastEventId', function (this: FastifyRequest) { return lastEventId(this) })
  app.decorateReply('follow', function (this: FastifyReply, streams, options, first = '') {
    const response = open(this)
    // A client that left meanwhile has closed already: nothing would tell its follower to stop.
    if (this.request.method === 'HEAD' || response.destroyed) {
      response.end()
      return
    }
    opened += 1
    const members = groups[opened % HEARTBEAT_GROUPS]!
    const connection = new Connection(response, retryMs)
    members.add(connection)
    response.write(`retry: ${retryMs}\n\n${first}`)
    const follower = streams.follow(options, connection)
    response.on('drain', () => { follower.resume() })
    response.on('close', () => {
      members.delete(connection)
      follower.stop()
    })
  })
  app.decorateReply('endStream', function (this: FastifyReply, frames) {
    const response = open(this)
    response.end(this.request.method === 'HEAD' ? undefined : `retry: ${retryMs}\n\n${frames}`)
  })
  done()
}

export default fp(plugin, { name: 'sse', fastify: '5.x' })

/** Takes the response over from Fastify, with the headers that were set so far. */
const open = (reply: FastifyReply): ServerResponse => {
  const { raw } = reply
  reply.hijack()
  raw.writeHead(200, {
    ...reply.getHeaders() as Record<string, string>,
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-cache, no-transform',
    // nginx would hold every event back.
    'x-accel-buffering': 'no'
  })
  // A connection that breaks closes the stream; nobody else listens once Fastify has let go of the response.
  raw.on('error', () => {})
  return raw
}

class Connection implements StreamSink {
  readonly #response: ServerResponse
  readonly #retryMs: number
  /** Bytes that were unsent at the last heartbeat: a reader that has not moved since then has stopped. */
  #stuckAt = 0

  constructor (response: ServerResponse, retryMs: number) {
    this.#response = response
    this.#retryMs = retryMs
  }

  write (frame: string): void {
    if (this.#over()) return
    this.#response.write(frame)
    if (this.#response.writableLength > CUT_AT_BYTES) this.#response.destroy()
  }

  congested (): boolean { return this.#response.writableLength > PAUSE_AT_BYTES }

  end (why: StreamEnd): void {
    if (this.#over()) return
    if (why === 'final' || why === 'deleted') this.#response.end()
    // EventSource gives up on a status that is not 200, so it is sent away with a time to come back at.
    else this.#response.end(`retry: ${this.#retryMs + Math.floor(systemRandom() * RECONNECT_SPREAD_MS)}\n\n`)
  }

  beat (): void {
    if (this.#over()) return
    const unsent = this.#response.writableLength
    if (unsent <= PAUSE_AT_BYTES) this.#response.write(': heartbeat\n\n')
    else if (unsent === this.#stuckAt) this.#response.destroy()
    this.#stuckAt = unsent
  }

  /** Ended is not yet closed: an answer that waits behind another one of its connection stays open, and a write to it would be an error. */
  #over (): boolean { return this.#response.destroyed || this.#response.writableEnded }
}

const lastEventId = (request: FastifyRequest): string | undefined => {
  const header = request.headers['last-event-id']
  if (typeof header === 'string' && header !== '') return header
  const { last_event_id: parameter } = request.query as { last_event_id?: string }
  return parameter === '' ? undefined : parameter
}
