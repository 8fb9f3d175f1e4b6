// `npm run bench`: every case, ours and a bare Fastify in turns, as a table and as files in bench/results.
import { execFile } from 'node:child_process'
import { closeSync, fdatasyncSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { healthz, message, reply } from './cases/http.ts'
import { jobs } from './cases/jobs.ts'
import { model } from './cases/model.ts'
import { start } from './cases/start.ts'
import { streams } from './cases/streams.ts'
import { ROOT, startProcess } from './process.ts'
import { median } from './rounds.ts'
import { table, verdict, type Row } from './rows.ts'

const GIB = 1024 ** 3

const main = async (): Promise<void> => {
  const begun = new Date()
  // Beside the project and not in the temporary folder, which may be memory: the flushes have to reach a disk.
  mkdirSync(join(ROOT, 'data'), { recursive: true })
  const dir = mkdtempSync(join(ROOT, 'data', 'bench-'))
  const machine = describeMachine(dir)
  console.log(machine, '\n')
  const rows: Row[] = []
  const add = (...more: Row[]): void => {
    rows.push(...more)
    for (const row of more) console.log(`${verdict(row).padEnd(5)}${row.name}: ${median(row.rounds).toFixed(3)} ${row.unit}`)
  }
  try {
    add(...await start(folder(dir, 'start'), await build()))
    await againstBare(dir, add)
    add(await jobs(folder(dir, 'jobs')))
    add(...await model(folder(dir, 'model')))
    add(...await streams(folder(dir, 'streams')))
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
  const seconds = (Date.now() - begun.getTime()) / 1000
  const text = `${machine}\nOne run of ${Math.round(seconds)} s; medians of five rounds.\n\n${table(rows)}\n`
  console.log(`\n${text}`)
  save(begun, machine, rows, text)
}

/** All HTTP cases on the same two processes, as a server lives long. */
const againstBare = async (dir: string, add: (...rows: Row[]) => void): Promise<void> => {
  const bare = await startProcess('bare.ts', folder(dir, 'bare'))
  const ours = await startProcess('server.ts', folder(dir, 'ours'))
  add(await healthz(ours, bare, 10))
  add(await healthz(ours, bare, 64))
  add(await message(ours, bare, 'answered'))
  add(await message(ours, bare, 'stored'))
  add(await reply(ours, bare, 'at once'))
  add(await reply(ours, bare, 'slowly'))
  await ours.stop()
  const accepting = await startProcess('server.ts', folder(dir, 'accepting'), { BACKGROUND_WORK: 'false' })
  add(await message(accepting, bare, 'queued'))
  await accepting.stop()
  await bare.stop()
}

const folder = (dir: string, name: string): string => {
  const path = join(dir, name)
  mkdirSync(path)
  return path
}

/** A build that fails leaves what is in dist alone, and the start of the built service unmeasured. */
const build = async (): Promise<boolean> => {
  try {
    await promisify(execFile)('npm', ['run', '--silent', 'build'], { cwd: ROOT })
    return true
  } catch (error) {
    const { stdout = '', message } = error as Error & { stdout?: string }
    console.log(`The build failed, its start is left out: ${stdout.split('\n')[0] || message}`)
    return false
  }
}

const describeMachine = (dir: string): string => {
  const [load] = loadavg()
  return [
    `Node ${process.versions.node}, ${process.platform} ${process.arch}`,
    `${availableParallelism()} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${(totalmem() / GIB).toFixed(0)} GiB`,
    `load ${load!.toFixed(1)} before the run`,
    `a flush of 8 KiB to the disk ${flushMs(dir).toFixed(2)} ms.`
  ].join('; ')
}

/** What the disk needs for one flush: the floor under every durable answer. */
const flushMs = (dir: string): number => {
  const file = openSync(join(dir, 'flush'), 'w')
  const block = Buffer.alloc(8192)
  const times = Array.from({ length: 200 }, (_, index) => {
    writeSync(file, block, 0, block.length, index * block.length)
    const begun = performance.now()
    fdatasyncSync(file)
    return performance.now() - begun
  })
  closeSync(file)
  return median(times)
}

const save = (at: Date, machine: string, rows: Row[], text: string): void => {
  const results = join(ROOT, 'bench', 'results')
  const day = at.toISOString().slice(0, 10)
  mkdirSync(results, { recursive: true })
  const record = { at: at.toISOString(), machine, rows: rows.map((row) => ({ ...row, median: median(row.rounds), verdict: verdict(row) })) }
  writeFileSync(join(results, `${day}.json`), `${JSON.stringify(record, null, 2)}\n`)
  writeFileSync(join(results, `${day}.md`), `# Benchmarks of ${day}\n\n${text}`)
}

await main()
