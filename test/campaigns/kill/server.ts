// The server of the kill campaign: the real one, with a scripted assistant and a test agent, on a file that outlives it.
// With CONTROL=answer-before-commit its store answers first and writes a little later, with CONTROL=no-fencing a lost lease ends its job all the same,
// with CONTROL=lossy-streams events are not found, with CONTROL=synchronous-normal SQLite does not flush at every commit, with CONTROL=ignore-keys
// idempotency keys mean nothing: the faults that the campaigns must find.
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import { Type } from '@sinclair/typebox'
import { createLogger } from '../../../plugins/logger.ts'
import { agents } from '../../../src/agents/index.ts'
import { buildApp, type Parts } from '../../../src/app.ts'
import { loadConfig } from '../../../src/config/index.ts'
import { defineAgent } from '../../../src/core/agent.ts'
import type { Store } from '../../../src/core/store.ts'
import { probeAgents, probeOutput, replyPieces } from './script.ts'

// Long enough that many kills find a reply or a run half done.
const PIECE_EVERY_MS = 3
const RUN_MS = 5
const COMMIT_LATE_MS = 25
// With SLOW_RUNS, some runs last longer than a lease that nobody renews.
const SLOW_RUN_MS = 12_000
const SLOW_ONE_IN = 400

const assistant: NonNullable<Parts['assistant']> = () => ({
  name: 'scripted',
  async * respond ({ question }, { signal }) {
    for (const piece of replyPieces(question.content)) {
      yield piece
      await sleep(PIECE_EVERY_MS, undefined, { signal })
    }
  }
})

const probes = probeAgents.map(({ name, event }) => defineAgent({
  name,
  description: 'Works a little, so that kills find it at work.',
  input: Type.Object({ n: Type.Integer() }),
  output: Type.Object({ n: Type.Integer(), square: Type.Integer() }),
  triggers: { events: [event] },
  inputFromEvent: ({ data }) => data as { n: number },
  summarise: ({ square }: { square: number }) => String(square),
  async run ({ signal }, { n }: { n: number }) {
    const slow = process.env['SLOW_RUNS'] !== undefined && n % SLOW_ONE_IN === 0
    await sleep(slow ? SLOW_RUN_MS : RUN_MS, undefined, { signal })
    return probeOutput(n)
  }
}))

const answerBeforeCommit = (store: Store): Store => {
  const later = (write: () => Promise<unknown>): void => { setTimeout(() => { write().catch(() => {}) }, COMMIT_LATE_MS) }
  return {
    ...store,
    async addMessage (message) {
      const { lease: _lease, ...reply } = message.reply ?? {}
      later(() => store.addMessage(message.reply === undefined ? message : { ...message, reply: reply as typeof message.reply }))
      return { outcome: 'stored', leased: false }
    },
    async recordEvent (args) {
      later(() => store.recordEvent(args))
      return { event_id: args.event.id, jobs: args.jobs.map(({ id }) => ({ id, deduplicated: false })), ignored: null }
    },
    async enqueue (args) {
      later(() => store.enqueue(args))
      return args.jobs.map(({ id }) => ({ id, deduplicated: false }))
    }
  }
}

/** A worker that lost its lease ends the job all the same, under the lease of whoever has it now. */
const withoutFencing = (store: Store): Store => ({
  ...store,
  renew: async ({ leases }) => ({ held: leases.map(({ id }) => id), cancels: [] }),
  async settle (end) {
    const token = (await store.getJob(end.id))?.lease_token
    return await store.settle({ ...end, token: token ?? end.token })
  }
})

/** Now and then a stored event is not found. */
const lossyStreams = (store: Store): Store => ({
  ...store,
  async readEvents (stream, after, limit) {
    const events = await store.readEvents(stream, after, limit)
    return events.filter(({ seq, final }) => final || (seq + after) % 3 !== 0)
  }
})

const CONTROLS: Record<string, (store: Store) => Store> = {
  'answer-before-commit': answerBeforeCommit, 'no-fencing': withoutFencing, 'lossy-streams': lossyStreams
}
const control = CONTROLS[process.env['CONTROL'] ?? '']

if (process.env['CONTROL'] === 'synchronous-normal') {
  const { exec } = DatabaseSync.prototype
  DatabaseSync.prototype.exec = function (this: DatabaseSync, sql) { exec.call(this, sql.replace('synchronous = FULL', 'synchronous = NORMAL')) }
}

const { config } = loadConfig(process.env)
const logger = createLogger(config)
// With STAND_IN there is a shop to be changed.
const shop = process.env['STAND_IN'] === undefined ? undefined : await import('../guards/stand-in.ts')
const upstreams = shop?.standIn(config, logger)
const app = await buildApp(config, logger, {
  assistant,
  agents: [...agents, ...probes, ...shop === undefined ? [] : [shop.proposer]],
  ...(upstreams === undefined ? {} : { upstreams: { commerce: upstreams.commerce, list: [upstreams.upstream] } }),
  ...(control === undefined ? {} : { wrapStore: control }),
  ...(process.env['CONTROL'] === 'ignore-keys' ? { idempotency: false } : {})
})
process.on('SIGTERM', () => { app.close().then(() => process.exit(0), () => process.exit(1)) })
process.on('disconnect', () => { process.exit(0) })
await app.listen({ host: config.server.host, port: config.server.port })
process.send!({ origin: app.listeningOrigin })
