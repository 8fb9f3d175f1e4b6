// Holds many streams open and says when the last of them has received a certain event. Started by the stream case.
import { connect } from 'node:net'
import { get } from './load.ts'

export type ListenerRequest = { open: number, port: number } | { await: string }

export interface ListenerAnswer {
  opened?: number
  /** When the last stream had it, nanoseconds of the clock that all processes of the machine share. */
  last?: string
}

/** Connecting all at once would overflow the queue of the listening socket. */
const OPENING_AT_ONCE = 100
const HEAD_END = '\r\n\r\n'

let streams = 0
let expected: string | undefined
let missing = 0

const say = (answer: ListenerAnswer): void => { process.send!(answer) }

const open = (port: number): Promise<void> => new Promise((resolve, reject) => {
  const socket = connect({ port, host: '127.0.0.1' })
  let opened = false
  socket.on('data', (chunk) => {
    if (!opened && chunk.includes(HEAD_END)) {
      opened = true
      resolve()
    }
    if (expected === undefined || !chunk.includes(expected)) return
    missing -= 1
    if (missing === 0) say({ last: String(process.hrtime.bigint()) })
  })
  socket.on('error', reject)
  socket.on('end', () => { throw new Error('the server ended a stream') })
  socket.write(get('/stream'))
})

const openAll = async (count: number, port: number): Promise<void> => {
  await Promise.all(Array.from({ length: OPENING_AT_ONCE }, async () => {
    while (streams < count) {
      streams += 1
      await open(port)
    }
  }))
  say({ opened: streams })
}

process.on('message', (request: ListenerRequest) => {
  if ('open' in request) {
    openAll(request.open, request.port).catch((error: unknown) => { throw error })
  } else {
    expected = request.await
    missing = streams
    // The answer tells the run that it may cause the event.
    say({})
  }
})
process.on('disconnect', () => { process.exit(0) })
