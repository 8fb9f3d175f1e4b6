// Clients of a stream: each sends its requests one after the other, reads the last answer to its end, and notes when its first piece came.
import { connect } from 'node:net'

export interface FirstDeltaOptions {
  port: number
  clients: number
  /** Round trips of each client. */
  times: number
  /** The clients begin spread over this time, as people do. */
  spreadMs: number
  requests: () => string[]
  /** Found in the answer to the last request when its first piece is there. */
  first: RegExp
  /** Found when it is over. */
  last: RegExp
}

/** Milliseconds from the first request of a round trip to the first piece, for all round trips. @throws Error when an answer is not 2xx. */
export const firstDeltas = async ({ port, clients, times, spreadMs, requests, first, last }: FirstDeltaOptions): Promise<number[]> => {
  const found: number[] = []
  await Promise.all(Array.from({ length: clients }, (_, client) => new Promise<void>((resolve, reject) => {
    setTimeout(() => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true })
      let left = times
      let waiting: string[] = []
      let sent = 0
      let seen = false
      let text = ''
      const next = (): void => {
        if (waiting.length === 0) {
          if (left === 0) {
            socket.destroy()
            resolve()
            return
          }
          left -= 1
          waiting = requests()
          sent = performance.now()
          seen = false
        }
        text = ''
        socket.write(waiting.shift()!)
      }
      socket.setEncoding('latin1')
      socket.on('connect', next)
      socket.on('data', (chunk: string) => {
        text += chunk
        if (!text.startsWith('HTTP/1.1 2'.slice(0, text.length))) {
          socket.destroy()
          reject(new Error(`an answer: ${text.slice(0, 600)}`))
          return
        }
        if (waiting.length > 0) {
          if (complete(text)) next()
          return
        }
        if (!seen && first.test(text)) {
          seen = true
          found.push(performance.now() - sent)
        }
        if (!last.test(text) || !text.endsWith('\r\n0\r\n\r\n')) return
        if (seen) next()
        else reject(new Error(`an answer without the piece that was waited for: ${text.slice(0, 1200)}`))
      })
      socket.on('error', reject)
      socket.on('end', () => { reject(new Error('a connection was closed')) })
    }, client * spreadMs / clients)
  })))
  return found
}

const complete = (text: string): boolean => {
  const head = text.indexOf('\r\n\r\n')
  const length = /\r\ncontent-length: (\d+)/i.exec(text)
  return head !== -1 && length !== null && text.length >= head + 4 + Number(length[1])
}
