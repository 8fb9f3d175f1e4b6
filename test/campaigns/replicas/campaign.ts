// The campaign on replicas: three that answer and two that work, on one PostgreSQL behind nginx, while one after the other fails in another way.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { startSandbox } from '../../../sandbox/index.ts'
import { silentLogger } from '../../../src/core/log.ts'
import { startTcpProxy, type TcpProxy } from '../../helpers/tcp-proxy.ts'
import { freePort } from '../../helpers/free-port.ts'
import { startDatabase, type Database } from '../cluster/database.ts'
import { launchReplica, type Launch, type Replica } from '../cluster/fleet.ts'
import { startNginx, type Proxy } from '../cluster/nginx.ts'
import { startShopProxy, type ShopProxy } from '../guards/shop-proxy.ts'
import { createLedger, type Ledger } from '../kill/ledger.ts'
import { createDice, type Dice } from '../kill/random.ts'
import { compare, type Findings } from '../kill/verify.ts'
import { startClients, type Clients } from './clients.ts'

export interface CampaignOptions {
  seed: number
  /** Kills of workers and of replicas that answer, in turn. */
  kills: number
  /** How long one stands still, the database is stopped, hangs, or is cut off: milliseconds. */
  pauseMs: number
  outageMs: number
  phases: readonly PhaseName[]
  control?: 'no-fencing' | 'answer-before-commit'
  report?: (sentence: string) => void
}

export const PHASES = ['kills', 'paused worker', 'paused api', 'database stopped', 'database hung', 'api cut off', 'worker cut off'] as const
export type PhaseName = typeof PHASES[number]

export interface Phase {
  name: PhaseName
  answers: number
  later: number
  none: number
  /** The longest answer, milliseconds. */
  slowest: number
  p99: number
  /** From the return of what was away to the next success, milliseconds; null where nothing was away for all. */
  backAfter: number | null
}

export interface CampaignResult {
  phases: Phase[]
  ledger: Ledger
  findings: Findings
  wrong: string[]
  /** Jobs that were ended by a process that did not hold them. */
  staleEnds: number
  /** Changes of the shop that were approved, those among them that the shop took once, and what is wrong with the others. */
  changes: { approved: number, once: number, finds: string[] }
  /** From a kill to the moment at which a job that was running there is in the queue again, milliseconds. */
  recoveries: number[]
  exitCodes: Array<number | null>
  seconds: number
}

const WRITERS = 24
const FINISH_MS = 120_000
const QUIET_MS = 3_000

interface Kill { at: number, pid: number }

interface World {
  database: Database
  shop: ShopProxy
  apis: Replica[]
  workers: Replica[]
  wires: { api: TcpProxy, worker: TcpProxy }
  relaunch: (replica: Replica) => Promise<void>
  proxy: Proxy
}

export const runCampaign = async (options: CampaignOptions): Promise<CampaignResult> => {
  const begun = performance.now()
  const dir = mkdtempSync(join(tmpdir(), 'orchestrator-replicas-'))
  const dice = createDice(options.seed)
  const closers: Array<() => Promise<unknown>> = []
  const stop = new AbortController()
  try {
    const world = await build(dir, options, closers)
    await watchLeases(world.database)
    const ledger = createLedger()
    const clients = startClients({ origin: world.proxy.origin, ledger, dice: createDice(options.seed + 1), writers: WRITERS, signal: stop.signal })
    await sleep(QUIET_MS)
    const kills: Kill[] = []
    const phases: Phase[] = []
    for (const name of options.phases) {
      phases.push(await carryOut(name, world, clients, options, dice, kills))
      options.report?.(phaseLine(phases.at(-1)!))
    }
    stop.abort()
    await clients.done
    await allEnded(world.database, options.control === undefined)
    const exitCodes = await Promise.all([...world.apis, ...world.workers].map((replica) => replica.stop()))
    const findings = await compare((sql) => world.database.query(sql) as Promise<never>, ledger, options.control === undefined)
    const [stale] = await world.database.query<{ n: number }>(
      `SELECT count(*) AS n FROM campaign_ends AS e WHERE e.status IN ('succeeded', 'failed')
         AND NOT EXISTS (SELECT FROM campaign_claims AS c WHERE c.job = e.job AND c.token = e.token AND c.who = e.who)`)
    return {
      phases,
      ledger,
      findings,
      wrong: clients.wrong,
      staleEnds: stale!.n,
      changes: await changesOf(world, clients.approved),
      recoveries: await recoveriesOf(world.database, kills),
      exitCodes,
      seconds: (performance.now() - begun) / 1000
    }
  } finally {
    stop.abort()
    for (const close of closers.reverse()) await close().catch(() => {})
    rmSync(dir, { recursive: true, force: true })
  }
}

const build = async (dir: string, options: CampaignOptions, closers: Array<() => Promise<unknown>>): Promise<World> => {
  const database = await startDatabase()
  closers.push(() => database.close())
  const target = { host: '127.0.0.1', port: database.port }
  const wires = { api: await startTcpProxy(target), worker: await startTcpProxy(target) }
  closers.push(() => wires.api.close(), () => wires.worker.close())
  const sandbox = await startSandbox({ upstreams: ['shopify_api'], log: silentLogger })
  closers.push(() => sandbox.close())
  // Time stands still in the shop, so that orders are not sent meanwhile.
  await fetch(`${sandbox.addresses.control}/_sandbox/shop`, {
    method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ frozen: true })
  })
  const shop = await startShopProxy(sandbox.addresses.shopify_api!)
  closers.push(() => shop.close())
  const environment = {
    SLOW_RUNS: '1',
    AGENT_CONCURRENCY: '16',
    PROBE_INTERVAL: '0',
    STAND_IN: JSON.stringify({ address: shop.address, ...credentialsOf(sandbox) }),
    MAX_QUEUED_PER_SESSION: '1000',
    ...options.control === undefined ? {} : { CONTROL: options.control }
  }
  const through = (wire: TcpProxy): string => database.url.replace(String(database.port), String(wire.port))
  const plans: Launch[] = await Promise.all(['api', 'api', 'api', 'worker', 'worker'].map(async (role, index) => ({
    name: `${role}${index}`,
    role: role as 'api' | 'worker',
    port: await freePort(),
    databaseUrl: index === 2 ? through(wires.api) : index === 4 ? through(wires.worker) : database.url,
    dir,
    environment
  })))
  const started = await Promise.all(plans.map((plan) => launchReplica(plan)))
  const apis = started.slice(0, 3)
  const workers = started.slice(3)
  closers.push(async () => { for (const replica of [...apis, ...workers]) if (replica.alive()) { replica.signal('SIGCONT'); await replica.kill() } })
  const proxy = await startNginx(dir, await freePort(), apis.map(({ port }) => port))
  closers.push(() => proxy.close())
  const relaunch = async (replica: Replica): Promise<void> => {
    const again = await launchReplica(plans.find(({ name }) => name === replica.name)!)
    const list = apis.includes(replica) ? apis : workers
    list[list.indexOf(replica)] = again
  }
  return { database, shop, apis, workers, wires, relaunch, proxy }
}

const carryOut = async (
  name: PhaseName, world: World, clients: Clients, options: CampaignOptions, dice: Dice, kills: Kill[]
): Promise<Phase> => {
  const { tries } = clients
  const before = { ...tries }
  clients.takeTimes()
  tries.slowest = 0
  let backAfter: number | null = null
  /** Somebody is away for a while; afterwards the next success is waited for. */
  const away = async (begin: () => unknown, ms: number, end: () => unknown): Promise<void> => {
    await begin()
    await sleep(ms)
    await end()
    const returned = performance.now()
    while (tries.lastSuccessAt < returned && performance.now() < returned + 60_000) await sleep(10)
    backAfter = tries.lastSuccessAt - returned
    await sleep(QUIET_MS)
  }
  switch (name) {
    case 'kills':
      for (let kill = 0; kill < options.kills; kill++) {
        const list = kill % 3 === 2 ? world.apis : world.workers
        const victim = list[dice.below(list.length)]!
        await sleep(500 + dice.below(1_500))
        await victim.kill()
        kills.push({ at: Date.now(), pid: victim.pid })
        await world.relaunch(victim)
      }
      await sleep(QUIET_MS)
      break
    case 'paused worker': case 'paused api': {
      const victim = name === 'paused api' ? world.apis[1]! : world.workers[0]!
      victim.signal('SIGSTOP')
      await sleep(options.pauseMs)
      victim.signal('SIGCONT')
      await sleep(QUIET_MS)
      break
    }
    case 'database stopped': await away(() => world.database.stop(), options.outageMs, () => world.database.start()); break
    case 'database hung': await away(() => world.database.hang(), options.outageMs, () => world.database.resume()); break
    case 'api cut off': await away(() => { world.wires.api.hold() }, options.outageMs, () => { world.wires.api.release() }); break
    case 'worker cut off': await away(() => { world.wires.worker.hold() }, options.pauseMs, () => { world.wires.worker.release() }); break
  }
  const times = clients.takeTimes().sort((a, b) => a - b)
  return {
    name,
    answers: tries.answers - before.answers,
    later: tries.later - before.later,
    none: tries.none - before.none,
    slowest: tries.slowest,
    p99: times[Math.floor(times.length * 0.99)] ?? 0,
    backAfter
  }
}

/** Notes every claim and every end of a job, behind the back of the program. */
const watchLeases = async (database: Database): Promise<void> => {
  await database.query(`
    CREATE TABLE campaign_claims (job text, token text, who text DEFAULT current_setting('application_name'), at timestamptz DEFAULT clock_timestamp());
    CREATE TABLE campaign_ends (job text, token text, status text, who text DEFAULT current_setting('application_name'));
    CREATE FUNCTION note_claim() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO campaign_claims (job, token) VALUES (NEW.id, NEW.lease_token); RETURN NULL; END $$;
    CREATE FUNCTION note_end() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO campaign_ends (job, token, status) VALUES (NEW.id, OLD.lease_token, NEW.status); RETURN NULL; END $$;
    CREATE TABLE campaign_backs (job text, token text, at timestamptz DEFAULT clock_timestamp());
    CREATE FUNCTION note_back() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN INSERT INTO campaign_backs (job, token) VALUES (NEW.id, OLD.lease_token); RETURN NULL; END $$;
    CREATE TRIGGER back_noted AFTER UPDATE ON jobs FOR EACH ROW WHEN (OLD.status = 'running' AND NEW.status = 'queued') EXECUTE FUNCTION note_back();
    CREATE TRIGGER claim_made AFTER INSERT ON jobs FOR EACH ROW WHEN (NEW.status = 'running') EXECUTE FUNCTION note_claim();
    CREATE TRIGGER claim_moved AFTER UPDATE ON jobs FOR EACH ROW
      WHEN (NEW.status = 'running' AND OLD.lease_token IS DISTINCT FROM NEW.lease_token) EXECUTE FUNCTION note_claim();
    CREATE TRIGGER end_noted AFTER UPDATE ON jobs FOR EACH ROW
      WHEN (NEW.active = 0) EXECUTE FUNCTION note_end()`)
}

const credentialsOf = ({ credentials }: Awaited<ReturnType<typeof startSandbox>>): { shop: string, token: string } =>
  ({ shop: credentials.shopify_api.shop, token: credentials.shopify_api.access_token })

/** What the shop took against what was approved. */
const changesOf = async ({ database, shop }: World, approved: string[]): Promise<CampaignResult['changes']> => {
  // A request of a process that was killed may never have come whole.
  await Promise.race([shop.quiet(), sleep(5_000)])
  const effects = await database.query<{ proposal_id: string, status: string, error: string | null }>('SELECT proposal_id, status, error FROM effects')
  const taken = shop.mutations.filter((one) => one.taken)
  const twice = taken.length - new Set(taken.map(({ operation, variables }) => `${operation} ${variables}`)).size
  const finds = approved.flatMap((id) => {
    const own = effects.filter(({ proposal_id: of }) => of === id)
    if (own.length === 1 && own[0]!.status === 'done') return []
    return [`proposal ${id}: ${own.map(({ status, error }) => `${status} ${error}`).join(', ') || 'no effect'}`]
  })
  if (twice > 0) finds.push(`${twice} changes were made twice`)
  const done = effects.filter(({ status }) => status === 'done').length
  if (taken.length !== done) finds.push(`the shop took ${taken.length} changes, the ledger knows ${done}`)
  return { approved: approved.length, once: approved.length - finds.length, finds }
}

const recoveriesOf = async (database: Database, kills: Kill[]): Promise<number[]> => {
  const backs = await database.query<{ who: string, claimed: number, back: number }>(
    `SELECT c.who, (extract(epoch FROM c.at) * 1000)::bigint AS claimed, (extract(epoch FROM b.at) * 1000)::bigint AS back
     FROM campaign_backs AS b JOIN campaign_claims AS c ON c.job = b.job AND c.token = b.token`)
  return backs.flatMap(({ who, claimed, back }) => {
    const kill = kills.find((one) => who.includes(`:${one.pid} `) && one.at > claimed && one.at < back)
    return kill === undefined ? [] : [back - kill.at]
  })
}

const allEnded = async (database: Database, must: boolean): Promise<void> => {
  // The control does not have to come to an end.
  const end = performance.now() + (must ? FINISH_MS : QUIET_MS * 8)
  for (;;) {
    const [row] = await database.query<{ n: number }>("SELECT count(*) AS n FROM jobs WHERE active = 1 AND status <> 'parked'")
    if (row!.n === 0) return
    if (performance.now() > end) {
      if (must) throw new Error(`${row!.n} jobs did not end within ${FINISH_MS} ms`)
      return
    }
    await sleep(100)
  }
}

const phaseLine = ({ name, answers, later, none, slowest, p99, backAfter }: Phase): string =>
  `${name}: ${answers} answers (${later} said later), ${none} tries without one; slowest ${Math.round(slowest)} ms, p99 ${Math.round(p99)} ms` +
    `${backAfter === null ? '' : `; first success ${Math.round(backAfter)} ms after the return`}`
