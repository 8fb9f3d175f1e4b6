// Work under an idempotency key. It is ambient: the store finds out by itself that a write is the effect of a keyed request, and ids and times
// come out the same when the request is worked on again. The first write that counts as an effect ends it: what comes after is ordinary work.
import { AsyncLocalStorage } from 'node:async_hooks'
import { createHash } from 'node:crypto'
import type { Clock } from './clock.ts'

/** The right to work under a key; whoever took it over has another token. */
export interface KeyHold {
  scope: string
  key: string
  token: string
}

/** What makes working again come out the same. */
export interface KeyedWork extends KeyHold {
  /** Of the ids. */
  seed: string
  /** What the clock says. */
  now: number
}

interface Work extends KeyedWork {
  ids: number
  over: boolean
}

const ambient = new AsyncLocalStorage<Work>()

const current = (): Work | undefined => {
  const work = ambient.getStore()
  return work === undefined || work.over ? undefined : work
}

/** `run`: what it is given, and all that this sets off, is work under the key until `end`. */
export const workUnder = (claim: KeyedWork): { run: (fn: () => void) => void, end: () => void } => {
  const work: Work = { ...claim, ids: 0, over: false }
  return {
    run (fn) { ambient.run(work, fn) },
    end () { work.over = true }
  }
}

/** For the write that is the effect: there is one a request. */
export const takeHold = (): KeyHold | undefined => {
  const work = current()
  if (work === undefined) return undefined
  work.over = true
  const { scope, key, token } = work
  return { scope, key, token }
}

/** The next id of keyed work, a UUIDv7; undefined: this is ordinary work. */
export const keyedId = (): string | undefined => {
  const work = current()
  if (work === undefined) return undefined
  const time = Math.max(0, Math.trunc(work.now)).toString(16).padStart(12, '0')
  // In the place of the counter: ids of one piece of work sort as they were made.
  const place = (work.ids++ & 0xfff).toString(16).padStart(3, '0')
  const chance = createHash('sha256').update(`${work.seed}:${work.ids}`).digest('hex')
  const variant = (8 + Number.parseInt(chance[0]!, 16) % 4).toString(16)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${place}-${variant}${chance.slice(1, 4)}-${chance.slice(4, 16)}`
}

/** The clock for work that may be under a key. */
export const keyedClock = (clock: Clock): Clock => ({
  now: () => current()?.now ?? clock.now(),
  monotonic: () => clock.monotonic(),
  setTimeout: (fn, ms) => clock.setTimeout(fn, ms),
  clearTimeout: (handle) => { clock.clearTimeout(handle) }
})

/** Made at the top of a program, runs what it is given as if nobody had called: for work that is shared by many requests. */
export const outsideOfWork = (): (<R>(fn: () => R) => R) => {
  const outside = ambient.exit(() => AsyncLocalStorage.snapshot())
  return (fn) => outside(fn)
}
