// HTTP load over raw sockets: each connection sends its next request when it has the whole answer to the last one.
// A full HTTP client costs more per request than a bare Fastify does, and would hide the differences that are measured.
import { connect, type Socket } from 'node:net'

export interface LoadOptions {
  port: number
  connections: number
  milliseconds: number
  /** The requests that one round trip of a connection makes, one after the other. */
  requests: (connection: number) => string[]
  /** True when `text` holds the whole answer. Default: by Content-Length. */
  complete?: (text: string) => boolean
}

export interface LoadResult {
  /** Round trips that were completed. */
  count: number
  /** Round trips per second. */
  perSecond: number
  /** Milliseconds, of a round trip. */
  p50: number
  p99: number
  /** Share of one core that the load itself took. */
  loadCpu: number
}

/** @throws Error when an answer is not 2xx or a connection breaks. */
export const load = async ({ port, connections, milliseconds, requests, complete = byLength }: LoadOptions): Promise<LoadResult> => {
  const durations: number[] = []
  const cpu = process.cpuUsage()
  const begun = performance.now()
  const end = begun + milliseconds
  await Promise.all(Array.from({ length: connections }, (_, connection) => new Promise<void>((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    let text = ''
    let waiting: string[] = []
    let sent = 0
    const next = (): void => {
      const now = performance.now()
      if (waiting.length === 0) {
        if (now >= end) {
          socket.destroy()
          resolve()
          return
        }
        waiting = requests(connection)
        sent = now
      }
      text = ''
      socket.write(waiting.shift()!)
    }
    socket.setEncoding('latin1')
    socket.on('connect', next)
    socket.on('data', (chunk: string) => {
      text = text === '' ? chunk : text + chunk
      if (!complete(text)) return
      if (!text.startsWith('HTTP/1.1 2')) {
        socket.destroy()
        reject(new Error(`an answer under load: ${text.slice(0, 600)}`))
        return
      }
      if (waiting.length === 0) durations.push(performance.now() - sent)
      next()
    })
    socket.on('error', reject)
    socket.on('end', () => { reject(new Error('the server closed a connection under load')) })
  })))
  const seconds = (performance.now() - begun) / 1000
  const { user, system } = process.cpuUsage(cpu)
  durations.sort((a, b) => a - b)
  return {
    count: durations.length,
    perSecond: durations.length / seconds,
    p50: durations[Math.floor(durations.length * 0.5)] ?? NaN,
    p99: durations[Math.floor(durations.length * 0.99)] ?? NaN,
    loadCpu: (user + system) / 1e6 / seconds
  }
}

const byLength = (text: string): boolean => {
  const head = text.indexOf('\r\n\r\n')
  if (head === -1) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(text)
  return length !== null && text.length >= head + 4 + Number(length[1])
}

/** True when the last chunk of a chunked answer has come, or the whole of one with a length. */
export const byLastChunk = (text: string): boolean => text.endsWith('\r\n0\r\n\r\n') || byLength(text)

export const get = (path: string): string => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n\r\n`

export const post = (path: string, body: object): string => {
  const json = JSON.stringify(body)
  const head = `POST ${path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(json)}`
  return `${head}\r\n\r\n${json}`
}

/** One request on a connection of its own; answers the parsed JSON. @throws Error when the answer is not 2xx. */
export const call = <T>(port: number, request: string): Promise<T> => new Promise((resolve, reject) => {
  const socket: Socket = connect({ port, host: '127.0.0.1' })
  let text = ''
  socket.setEncoding('utf8')
  socket.on('error', reject)
  socket.on('end', () => { reject(new Error('the server closed a connection')) })
  socket.on('data', (chunk: string) => {
    text += chunk
    if (!byLength(text)) return
    socket.destroy()
    if (text.startsWith('HTTP/1.1 2')) resolve(JSON.parse(text.slice(text.indexOf('\r\n\r\n') + 4)) as T)
    else reject(new Error(text.slice(0, 600)))
  })
  socket.write(request)
})
