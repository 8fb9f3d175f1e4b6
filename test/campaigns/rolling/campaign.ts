// Replicas are stopped in order and started again, one after the other, while callers go on.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../helpers/free-port.ts'
import { startDatabase } from '../cluster/database.ts'
import { launchReplica, type Launch, type Replica } from '../cluster/fleet.ts'
import { startNginx } from '../cluster/nginx.ts'
import { startCallers, type Callers } from './clients.ts'

export interface CampaignOptions {
  /** How often the whole fleet is restarted. */
  rounds: number
  /** With nginx in front, or with callers that ask each replica whether it is ready. */
  way: 'nginx' | 'direct'
  /** Go on until so many requests were made. */
  atLeast: number
  /** Stops at once instead of in order. */
  control?: boolean
}

export type CampaignResult = Omit<Callers, 'done'> & { exitCodes: Array<number | null>, seconds: number }

const REPLICAS = 3
const SERVER = fileURLToPath(new URL('../../../src/server.ts', import.meta.url))
// Callers ask ten times as often.
const DRAIN_DELAY_MS = 1_000
const ASK_EVERY_MS = 100
const BETWEEN_MS = 300

export const runCampaign = async ({ rounds, way, atLeast, control = false }: CampaignOptions): Promise<CampaignResult> => {
  const begun = performance.now()
  const dir = mkdtempSync(join(tmpdir(), 'orchestrator-rolling-'))
  const closers: Array<() => Promise<unknown>> = []
  const stop = new AbortController()
  try {
    const database = await startDatabase()
    closers.push(() => database.close())
    const plans: Launch[] = await Promise.all(Array.from({ length: REPLICAS }, async (_, index) => ({
      name: `replica${index}`,
      role: 'all' as const,
      port: await freePort(),
      databaseUrl: database.url,
      dir,
      script: SERVER,
      environment: { DRAIN_DELAY_MS: String(DRAIN_DELAY_MS) }
    })))
    const replicas: Replica[] = []
    closers.push(async () => { for (const replica of replicas) if (replica.alive()) await replica.kill() })
    for (const plan of plans) replicas.push(await launchReplica(plan))
    const balancer = way === 'nginx' ? await behindNginx(dir, plans) : askingEach(plans, stop.signal)
    closers.push(balancer.close)
    const callers = startCallers({ origin: balancer.origin, signal: stop.signal })
    const exitCodes: Array<number | null> = []
    for (let round = 0; round < rounds || callers.requests < atLeast; round++) {
      for (const [index, plan] of plans.entries()) {
        if (control) await replicas[index]!.kill()
        else exitCodes.push(await replicas[index]!.stop())
        replicas[index] = await launchReplica(plan)
        await sleep(BETWEEN_MS)
      }
    }
    stop.abort()
    await callers.done
    const { done: _done, ...counts } = callers
    return { ...counts, exitCodes, seconds: (performance.now() - begun) / 1000 }
  } finally {
    stop.abort()
    for (const close of closers.reverse()) await close().catch(() => {})
    rmSync(dir, { recursive: true, force: true })
  }
}

const behindNginx = async (dir: string, plans: Launch[]): Promise<{ origin: () => string, close: () => Promise<void> }> => {
  const proxy = await startNginx(dir, await freePort(), plans.map(({ port }) => port))
  return { origin: () => proxy.origin, close: () => proxy.close() }
}

/** A load balancer as simple as can be: whoever said that it is ready a moment ago gets the next request. */
const askingEach = (plans: Launch[], signal: AbortSignal): { origin: () => string, close: () => Promise<void> } => {
  const origins = plans.map(({ port }) => `http://127.0.0.1:${port}`)
  const ready = new Set(origins)
  const ask = async (origin: string): Promise<void> => {
    while (!signal.aborted) {
      const answer = await fetch(`${origin}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined)
      await answer?.arrayBuffer().catch(() => {})
      if (answer?.status === 200) ready.add(origin)
      else ready.delete(origin)
      await sleep(ASK_EVERY_MS)
    }
  }
  const asking = Promise.all(origins.map(ask))
  let turn = 0
  return {
    origin () {
      const list = ready.size > 0 ? [...ready] : origins
      turn += 1
      return list[turn % list.length]!
    },
    async close () { await asking }
  }
}
