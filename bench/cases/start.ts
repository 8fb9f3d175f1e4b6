// From the start of the process to its first answer, and what it holds when it then does nothing.
import { execFile, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { promisify } from 'node:util'
import { get } from '../load.ts'
import { spawnNode } from '../process.ts'
import { median, ROUNDS } from '../rounds.ts'
import { atMost, type Row } from '../rows.ts'

const GIVE_UP_MS = 20_000
const POLL_MS = 2
const IDLE_MS = 2_000
// Below the range from which connections take their own ports: a poll must not meet itself.
const FIRST_PORT = 21_300

const WAYS = [
  { name: 'node src/server.ts, without a compile cache', ours: ['src/server.ts'], bare: ['bench/bare.ts'] },
  { name: 'npm start (node bin/start.js), compile cache filled', ours: ['bin/start.js'], bare: ['bench/start-bare.ts'] },
  {
    name: 'the built service (node bin/start.js --dist), compile cache filled',
    ours: ['bin/start.js', '--dist'],
    bare: ['bench/start-bare.ts']
  }
]

export const start = async (dir: string, built: boolean): Promise<Row[]> => {
  const ways = built ? WAYS : WAYS.slice(0, 2)
  const times = ways.map(() => ({ ours: [] as number[], bare: [] as number[] }))
  const memory = { ours: [] as number[], bare: [] as number[] }
  // The round before the first fills the compile cache and makes the store.
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [index, way] of ways.entries()) {
      const [ours, bare] = [await startOnce(way.ours, dir), await startOnce(way.bare, dir)]
      if (round > 0) {
        times[index]!.ours.push(ours.ms)
        times[index]!.bare.push(bare.ms)
      }
      // `npm start` is the way whose memory counts; both idle at the same time, memory does not mind.
      const idle = index === 1 && round > 0
      if (idle) {
        await new Promise((resolve) => { setTimeout(resolve, IDLE_MS) })
        memory.ours.push(await residentMiB(ours.child))
        memory.bare.push(await residentMiB(bare.child))
      }
      await Promise.all([end(ours.child), end(bare.child)])
    }
  }
  return [
    ...ways.map(({ name }, index) => quotient(`Start to the first 200: ${name}`, 'ms', times[index]!.ours, times[index]!.bare)),
    quotient('Memory 2 s after the start (resident), npm start', 'MiB', memory.ours, memory.bare)
  ]
}

const quotient = (name: string, unit: string, ours: number[], bare: number[]): Row => ({
  name,
  unit: 'of bare',
  rounds: ours.map((value, index) => value / bare[index]!),
  bar: atMost(2),
  of: { ours: median(ours), bare: median(bare), unit }
})

const startOnce = async (args: string[], dir: string): Promise<{ child: ChildProcess, ms: number }> => {
  const port = await freePort()
  const begun = performance.now()
  const child = spawnNode(args, dir, { PORT: String(port) })
  while (!await answers(port)) {
    if (child.exitCode !== null) throw new Error(`node ${args.join(' ')} ended with ${child.exitCode}`)
    if (performance.now() - begun > GIVE_UP_MS) throw new Error(`node ${args.join(' ')} did not answer within ${GIVE_UP_MS} ms`)
    await new Promise((resolve) => { setTimeout(resolve, POLL_MS) })
  }
  return { child, ms: performance.now() - begun }
}

const end = async (child: ChildProcess): Promise<void> => {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  await exited
}

const answers = (port: number): Promise<boolean> => new Promise((resolve) => {
  const socket = connect({ port, host: '127.0.0.1' })
  socket.on('connect', () => { socket.write(get('/healthz')) })
  socket.on('data', (chunk) => {
    resolve(chunk.toString('latin1').startsWith('HTTP/1.1 200'))
    socket.destroy()
  })
  socket.on('error', () => { resolve(false) })
})

let nextPort = FIRST_PORT

const freePort = async (): Promise<number> => {
  for (;;) {
    nextPort += 1
    const port = nextPort
    const server = createServer()
    const free = await new Promise<boolean>((resolve) => {
      server.on('error', () => { resolve(false) })
      server.listen(port, '127.0.0.1', () => { server.close(() => { resolve(true) }) })
    })
    if (free) return port
  }
}

const run = promisify(execFile)

const residentMiB = async (child: ChildProcess): Promise<number> => {
  const { stdout } = await run('ps', ['-o', 'rss=', '-p', String(child.pid)])
  return Number(stdout.trim()) / 1024
}
