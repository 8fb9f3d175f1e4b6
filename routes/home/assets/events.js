// Server-sent events as EventSource reads them, but with our headers: EventSource cannot send any.
/* global AbortController, CustomEvent, EventTarget, fetch, TextDecoderStream */
import { askForKey, credential } from './key.js'

const RETRY_MS = 3_000
const CLOSED = 2

/**
 * Listeners get `data` (text), or none for `open` and for an `error` of the connection. It comes back by itself, with the last id, unless it was
 * answered something that is no stream: then `closed` is true.
 */
export class Events extends EventTarget {
  #url
  #lastId
  #retryMs = RETRY_MS
  #stop = new AbortController()
  #state = 0

  constructor (url) {
    super()
    this.#url = url
    this.#follow()
  }

  get closed () { return this.#state === CLOSED }

  close () {
    this.#state = CLOSED
    this.#stop.abort()
  }

  async #follow () {
    while (!this.closed) {
      await this.#connect().catch(() => {})
      if (this.closed) return
      this.#say('error')
      await new Promise((resolve) => { setTimeout(resolve, this.#retryMs) })
    }
  }

  async #connect () {
    const headers = { accept: 'text/event-stream', ...credential(), ...(this.#lastId === undefined ? {} : { 'last-event-id': this.#lastId }) }
    const answer = await fetch(this.#url, { headers, cache: 'no-store', signal: this.#stop.signal })
    if (answer.status !== 200 || !answer.headers.get('content-type')?.startsWith('text/event-stream')) {
      if (answer.status === 401) askForKey((await answer.json()).message)
      this.#state = CLOSED
      return this.#say('error')
    }
    this.#say('open')
    let rest = ''
    for await (const text of answer.body.pipeThrough(new TextDecoderStream())) {
      const frames = (rest + text).split('\n\n')
      rest = frames.pop()
      for (const frame of frames) this.#take(frame)
    }
  }

  #take (frame) {
    let name = 'message'
    const data = []
    for (const line of frame.split('\n')) {
      const [, field, value] = /^(\w+): ?(.*)$/.exec(line) ?? []
      if (field === 'event') name = value
      else if (field === 'data') data.push(value)
      else if (field === 'id') this.#lastId = value
      else if (field === 'retry') this.#retryMs = Number(value)
    }
    if (data.length > 0) this.#say(name, data.join('\n'))
  }

  #say (name, data) {
    // Whoever closed it wants to hear nothing more.
    if (this.#stop.signal.aborted) return
    this.dispatchEvent(Object.assign(new CustomEvent(name), { data }))
  }
}
