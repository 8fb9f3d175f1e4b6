// Rehearses the image without a container engine: builds it by the Dockerfile's steps, runs it as its user on a read-only tree, and uses it.
// node deploy/rehearse.ts [--control writable-root | stray-write]: a control makes it wrong on purpose, and the rehearsal has to fail.
import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { chownSync, existsSync, lchownSync, lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { openStream } from '../test/helpers/event-source.ts'
import { createTalk } from '../test/helpers/talk.ts'
import { acceptancePass, storedMessages } from './proofs/acceptance.ts'
import { freePort } from '../test/helpers/free-port.ts'
import { startContainer, type Container, type RunOptions } from './proofs/container.ts'
import { buildImage, everythingIn, type Image } from './proofs/image.ts'

const PROJECT = join(import.meta.dirname, '..')
// What has to be said of each.
const CONTROLS: Readonly<Record<string, RegExp>> = { 'writable-root': /and nowhere else/, 'stray-write': /written outside of the volume/ }

/** What a rehearsal needs of the machine; undefined: it can run. */
export const cannotRehearse = (): string | undefined => {
  if (process.getuid?.() !== 0) return 'it needs root, for mounts and another user'
  const { status, stderr, error } = spawnSync('unshare', ['--mount', '--pid', '--fork', 'true'], { encoding: 'utf8' })
  return status === 0 ? undefined : `unshare: ${error?.message ?? stderr.trim()}`
}

export interface Figures { checks: number, files: number, megabytes: number, readyMs: number, stopMs: number }

interface Options {
  /** Made wrong on purpose. */
  control?: string | undefined
  /** Afterwards each control is tried on the same image, and has to be noticed. */
  provingControls?: boolean
}

/** @throws Error that says what is wrong with the image. */
export const rehearse = async (say: (text: string) => void, { control, provingControls = false }: Options = {}): Promise<Figures> => {
  const work = mkdtempSync(join(tmpdir(), 'rehearsal-'))
  try {
    const image = buildImage(PROJECT, work, say)
    const files = everythingIn(join(image.root, 'app'))
    assert.deepEqual(readdirSync(join(image.root, 'app')).sort(), ['deploy', 'dist', 'node_modules', 'package.json'], 'nothing else is in the image')
    const development = ['tap', 'typescript', 'esbuild', 'node', 'eslint'].filter((name) => existsSync(join(image.root, 'app', 'node_modules', name)))
    assert.deepEqual(development, [], 'no development dependency is in the image')
    const megabytes = Math.round(files.reduce((sum, path) => sum + lstatSync(path).size, 0) / 1e6)
    say(`built: ${files.length} files, ${megabytes} MB beside Node`)
    const figures = await runs(image, join(work, 'volumes'), say, control)
    for (const name of provingControls ? Object.keys(CONTROLS) : []) {
      await assert.rejects(runs(image, join(work, name), () => {}, name), CONTROLS[name]!, `the control: ${name}`)
      say(`the control was noticed: ${name}`)
    }
    return { ...figures, files: files.length, megabytes }
  } finally {
    await Promise.all(running.splice(0).map((container) => container.kill()))
    rmSync(work, { recursive: true, force: true })
  }
}

const runs = async (image: Image, volumes: string, say: (text: string) => void, control: string | undefined) => {
  const asBuilt = await readOnlyRun(image, join(volumes, 'first'), say, control === 'writable-root')
  const checks = await writableRun(image, join(volumes, 'second'), say, control === 'stray-write' ? ['--import', STRAY_WRITE] : [])
  return { ...asBuilt, checks: asBuilt.checks + checks + 2 }
}

const STRAY_WRITE = `data:text/javascript,${encodeURIComponent("import { writeFileSync } from 'node:fs'; writeFileSync('/app/dist/stray', '')")}`

const running: Container[] = []

interface Served { container: Container, origin: string, readyMs: number }

const serve = async (image: Image, options: Omit<RunOptions, 'environment'>): Promise<Served> => {
  const port = await freePort()
  const since = performance.now()
  // A short drain: what it does is the same.
  const container = startContainer(image, { ...options, environment: { PORT: String(port), HOST: '127.0.0.1', DRAIN_DELAY_MS: '300' } })
  running.push(container)
  await container.ready
  return { container, origin: `http://127.0.0.1:${port}`, readyMs: Math.round(performance.now() - since) }
}

/** With a stream open, as always in production. Answers how long it took, milliseconds. */
const stop = async ({ container, origin }: Served): Promise<number> => {
  const talk = createTalk(origin)
  const stream = openStream(talk.stream(await talk.open()))
  await stream.opened
  const since = performance.now()
  container.signal('SIGTERM')
  assert.deepEqual(await container.exited, { code: 0, signal: null }, `SIGTERM ends it with 0:\n${container.output()}`)
  assert.equal(await stream.closed, 'ended', 'an open stream is ended, not cut')
  return Math.round(performance.now() - since)
}

/** As it is meant to run. */
const readOnlyRun = async (image: Image, data: string, say: (text: string) => void, writable: boolean) => {
  if (writable) giveAway(image)
  const options = { data, readOnly: !writable }
  const first = await serve(image, options)
  say(`ready in ${first.readyMs} ms as ${image.uid}:${image.gid}`)
  assert.deepEqual(writablePlaces(first.container), [image.volume], 'the user can write to the volume, and nowhere else')
  const identity = first.container.exec(['/usr/local/bin/node', '-p', 'process.getuid() + ":" + process.getgid() + " " + process.getgroups()'])
  assert.equal(identity.stdout.trim(), `${image.uid}:${image.gid} ${image.gid}`, identity.stderr)
  const healthy = first.container.exec(image.healthCheck)
  assert.equal(healthy.code, 0, `the health check passes: ${healthy.stderr}`)
  const elsewhere = first.container.exec(['/usr/local/bin/node', '-e', `process.env.PORT = '1'; await import('/app/${image.healthCheck[1]}')`])
  assert.equal(elsewhere.code, 1, 'the health check fails where nobody answers')
  const { session, checks } = await acceptancePass(first.origin)
  const stopMs = await stop(first)
  say(`SIGTERM: 0 after ${stopMs} ms`)

  const second = await serve(image, options)
  assert.deepEqual(await storedMessages(second.origin, session), ['user', 'assistant'], 'what was said is there after the restart')
  await stop(second)
  const kept = everythingIn(data).map((path) => relative(data, path))
  assert.ok(kept.includes('orchestrator.sqlite'), `the store is in the volume: ${kept.join(', ')}`)
  return { checks: checks + 9, readyMs: first.readyMs, stopMs }
}

/** On a tree that it could write to: what it writes all the same is seen afterwards. */
const writableRun = async (image: Image, data: string, say: (text: string) => void, nodeOptions: readonly string[]): Promise<number> => {
  giveAway(image)
  const before = inventory(image.root)
  const served = await serve(image, { data, readOnly: false, nodeOptions })
  const places = writablePlaces(served.container)
  assert.ok(places.includes('/app'), `this tree can be written to: ${places.join(', ')}`)
  const { checks } = await acceptancePass(served.origin)
  await stop(served)
  const after = inventory(image.root)
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter((path) => before.get(path) !== after.get(path))
  assert.deepEqual(changed, [], 'nothing was written outside of the volume')
  say(`${before.size} paths outside of ${image.volume} are as they were`)
  return checks + 2
}

const giveAway = ({ root, uid, gid }: Image): void => {
  for (const path of [root, ...everythingIn(root)]) (lstatSync(path).isSymbolicLink() ? lchownSync : chownSync)(path, uid, gid)
}

// Tried by the program's own user, inside; removed again, so that the inventory does not show it.
const TRY_TO_WRITE = `const fs = require('node:fs')
const tried = ['/', '/app', '/app/dist', '/app/node_modules', '/tmp', '/etc', '/data']
const take = (folder) => { try { fs.writeFileSync(folder + '/tried', ''); fs.rmSync(folder + '/tried'); return true } catch { return false } }
console.log(JSON.stringify(tried.filter(take)))`

const writablePlaces = (container: Container): string[] => {
  const { stdout, stderr } = container.exec(['/usr/local/bin/node', '-e', TRY_TO_WRITE])
  if (stdout === '') throw new Error(`it could not be tried what can be written to: ${stderr}`)
  return JSON.parse(stdout) as string[]
}

/** Of each file its size and the time of its last change; of each folder that it is there. */
const inventory = (root: string): Map<string, string> => new Map(everythingIn(root).map((path) => {
  const stat = lstatSync(path)
  return [relative(root, path), stat.isDirectory() ? 'folder' : `${stat.size} ${stat.mtimeMs} ${stat.ino}`]
}))

if (import.meta.main) {
  const { control } = parseArgs({ options: { control: { type: 'string' } } }).values
  if (control !== undefined && !(control in CONTROLS)) throw new Error(`--control is one of ${Object.keys(CONTROLS).join(', ')}`)
  const cannot = cannotRehearse()
  if (cannot !== undefined) {
    console.error(`The rehearsal cannot run here: ${cannot}.`)
    process.exit(2)
  }
  const { checks, files, megabytes, readyMs, stopMs } = await rehearse((text) => { console.log(`  ${text}`) }, { control })
  console.log(`rehearsal: ${checks} checks, ${files} files, ${megabytes} MB, ready in ${readyMs} ms, stopped in ${stopMs} ms`)
}
