// A reader of server-sent events that parses frames as EventSource does, over a socket of its own, and can cut itself off at any byte.
import { request, type IncomingHttpHeaders } from 'node:http'

export interface Frame {
  id: number | undefined
  event: string
  /** The parsed JSON. */
  data: Record<string, unknown>
}

export interface OpenOptions {
  lastEventId?: string | undefined
  method?: string
  /** Destroys the connection when this many bytes of the body have come; those after it are not looked at. */
  cutAfter?: number | undefined
  /** Does not read from the socket before `resume`. */
  paused?: boolean
}

export interface Reader {
  frames: Frame[]
  /** Comments, which is what heartbeats are. */
  comments: string[]
  /** Values of `retry:`, in milliseconds. */
  retries: number[]
  opened: Promise<{ status: number, headers: IncomingHttpHeaders }>
  /** How it ended: by the server, by the end of the connection without an end of the body, or by its own cut. */
  closed: Promise<'ended' | 'broken' | 'cut'>
  /** The first frame for which this holds, now or later. Rejects when the stream ends before. */
  until (holds: (frame: Frame) => boolean): Promise<Frame>
  /** Resolves at the next comment. */
  heartbeat (): Promise<void>
  resume (): void
  cut (): void
}

export const openStream = (url: string, options: OpenOptions = {}): Reader => {
  const { lastEventId, method = 'GET', cutAfter = Infinity, paused = false } = options
  const frames: Frame[] = []
  const comments: string[] = []
  const retries: number[] = []
  const waiters = new Set<() => void>()
  const opened = Promise.withResolvers<{ status: number, headers: IncomingHttpHeaders }>()
  const closed = Promise.withResolvers<'ended' | 'broken' | 'cut'>()
  let over: string | undefined
  let rest = Buffer.alloc(0)
  let received = 0

  const close = (how: 'ended' | 'broken' | 'cut'): void => {
    over ??= how
    closed.resolve(how)
    for (const waiter of waiters) waiter()
  }
  const headers = { accept: 'text/event-stream', ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) }
  let resume = (): void => {}
  const outgoing = request(url, { method, agent: false, headers }, (response) => {
    opened.resolve({ status: response.statusCode!, headers: response.headers })
    response.on('data', (chunk: Buffer) => {
      if (over !== undefined) return
      const left = cutAfter - received
      received += chunk.length
      // By bytes, not by text: a cut may go through the middle of a character.
      rest = Buffer.concat([rest, chunk.subarray(0, Math.max(0, left))])
      for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
        parse(rest.subarray(0, end).toString('utf8'), frames, comments, retries)
        rest = rest.subarray(end + 2)
      }
      for (const waiter of waiters) waiter()
      if (received >= cutAfter) reader.cut()
    })
    response.on('end', () => { close('ended') })
    response.on('close', () => { close('broken') })
    response.on('error', () => { close('broken') })
    if (paused) response.pause()
    resume = () => { response.resume() }
  })
  outgoing.on('error', (error) => {
    opened.reject(error)
    close('broken')
  })
  opened.promise.catch(() => {})
  outgoing.end()

  const when = <T>(look: () => T | undefined): Promise<T> => new Promise((resolve, reject) => {
    const waiter = (): void => {
      const found = look()
      if (found === undefined && over === undefined) return
      waiters.delete(waiter)
      if (found === undefined) reject(new Error(`the stream was ${over} before that came; got ${JSON.stringify(frames).slice(-500)}`))
      else resolve(found)
    }
    waiters.add(waiter)
    waiter()
  })

  const reader: Reader = {
    frames,
    comments,
    retries,
    opened: opened.promise,
    closed: closed.promise,
    until: (holds) => when(() => frames.find(holds)),
    async heartbeat () {
      const known = comments.length
      await when(() => comments.length > known ? true : undefined)
    },
    resume () { resume() },
    cut () {
      close('cut')
      outgoing.destroy()
    }
  }
  return reader
}

const parse = (text: string, frames: Frame[], comments: string[], retries: number[]): void => {
  const frame: Frame = { id: undefined, event: 'message', data: {} }
  let data = ''
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':')
    const field = line.slice(0, colon)
    const value = line.slice(colon + 1).replace(/^ /, '')
    if (field === '') comments.push(value)
    else if (field === 'retry') retries.push(Number(value))
    else if (field === 'id') frame.id = Number(value)
    else if (field === 'event') frame.event = value
    else if (field === 'data') data += value
    else throw new Error(`not a line of an event stream: ${line}`)
  }
  if (data !== '') frames.push({ ...frame, data: JSON.parse(data) as Record<string, unknown> })
}

export const isDone = (frame: Frame): boolean => frame.event === 'message' && frame.data['type'] === 'done'

/** What a client shows: deltas joined, begun anew by each `attempt`. */
export const textOf = (frames: Frame[]): string => {
  let text = ''
  for (const { event, data } of frames) {
    if (event === 'attempt') text = ''
    else if (data['type'] === 'delta') text += data['content'] as string
  }
  return text
}

/** Reads to the end through as many cuts as it takes; `cutAfter` says at which byte each connection is cut. */
export const readThroughCuts = async (url: string, options: {
  cutAfter: () => number
  /** Forgets where it was: the control that the checks must catch. */
  forgetful?: boolean
}): Promise<{ frames: Frame[], cuts: number }> => {
  const frames: Frame[] = []
  for (let cuts = 0; ; cuts += 1) {
    const last = options.forgetful === true ? undefined : frames.at(-1)?.id
    // A forgetful reader would never come to an end between cuts.
    const cutAfter = options.forgetful === true && cuts > 0 ? undefined : options.cutAfter()
    const reader = openStream(url, { lastEventId: last === undefined ? undefined : String(last), cutAfter })
    const how = await reader.closed
    frames.push(...reader.frames)
    if (how === 'broken') throw new Error('the server broke the stream')
    if (how === 'ended' || reader.frames.some(isDone)) return { frames, cuts }
  }
}

/** Bytes from 1 to `most` after which to cut, the same in every run (mulberry32). */
export const seededCuts = (seed: number, most: number): (() => number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return 1 + ((mixed ^ (mixed >>> 14)) >>> 0) % most
}

/** What is wrong with a reply that was read: nothing, if every event came once, in order, and the deltas are the stored text. */
export const faultsOf = (frames: Frame[], stored: string, first: number): string[] => {
  const faults: string[] = []
  for (const [index, frame] of frames.entries()) {
    if (frame.id !== first + index) {
      faults.push(`event ${index} has id ${frame.id} instead of ${first + index}`)
      break
    }
  }
  if (!isDone(frames.at(-1)!)) faults.push('it does not end with done')
  if (textOf(frames) !== stored) faults.push('the deltas are not the stored reply')
  return faults
}
