// The kill campaign with a short seed: `npm run check:kill` is the long one.
import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { isClean, runCampaign, total } from './campaigns/kill/campaign.ts'
import type { Ledger } from './campaigns/kill/ledger.ts'
import { verify, type Findings } from './campaigns/kill/verify.ts'

const SEED = 20261123

/** Each damages the store in one way that the check has to see. */
const DAMAGES: Array<{ name: string, sql: string | ((ledger: Ledger) => string), seen: (findings: Findings) => boolean }> = [
  {
    name: 'a message is gone',
    sql: ({ messages }) => `DELETE FROM messages WHERE id = '${[...messages.keys()][0]!}'`,
    seen: ({ lost }) => lost.messages === 1
  },
  {
    name: 'an event is gone',
    sql: ({ events }) => `DELETE FROM events WHERE id = '${[...events.keys()][0]!}'`,
    seen: ({ lost }) => lost.events === 1
  },
  { name: 'a job is gone', sql: ({ jobs }) => `DELETE FROM jobs WHERE id = '${[...jobs][0]!}'`, seen: ({ lost }) => lost.jobs === 1 },
  {
    name: 'a job has not ended',
    sql: "UPDATE jobs SET status = 'queued', active = 1 WHERE id = (SELECT max(id) FROM jobs WHERE kind = 'reply')",
    seen: ({ jobs, faults }) => jobs.unfinished === 1 && has(faults, /^job .* is queued$/)
  },
  {
    name: 'a reply is stored twice',
    sql: `INSERT INTO messages SELECT session_id, seq + 100000, 'copy', role, content, created_at, reply_to, job_id, status
      FROM messages WHERE role = 'assistant' ORDER BY id LIMIT 1`,
    seen: ({ faults }) => has(faults, /has 2 replies/)
  },
  {
    name: 'a message is stored twice',
    sql: `INSERT INTO messages SELECT session_id, seq + 100000, id, role, content, created_at, reply_to, job_id, status
      FROM messages WHERE role = 'user' ORDER BY id LIMIT 1`,
    seen: ({ duplicates }) => duplicates === 2
  },
  {
    name: 'a reply differs from its deltas',
    sql: "UPDATE messages SET content = content || '.' WHERE id = (SELECT max(id) FROM messages WHERE role = 'assistant')",
    seen: ({ faults }) => has(faults, /is not what was streamed/)
  },
  {
    name: 'a delta is gone',
    // The last one before the end belongs to the last attempt, whatever happened before.
    sql: `DELETE FROM stream_chunks WHERE (stream, seq) = (
      SELECT c.stream, (SELECT max(seq) FROM stream_chunks WHERE stream = c.stream AND seq < c.seq)
      FROM stream_chunks AS c JOIN jobs AS j ON j.id = c.job_id
      WHERE j.kind = 'reply' AND j.status = 'succeeded' AND c.body LIKE 'message' || char(9) || '1' || char(9) || '%' AND c.seq > 2
      ORDER BY c.stream, c.seq LIMIT 1)`,
    seen: ({ faults }) => has(faults, /has holes/) && has(faults, /is not what was streamed/)
  },
  {
    name: 'a stream does not end',
    sql: `UPDATE stream_chunks SET body = replace(body, char(9) || '1' || char(9), char(9) || '0' || char(9))
      WHERE (stream, seq) = (SELECT stream, seq FROM stream_chunks WHERE stream <> 'system' AND body LIKE '%' || char(9) || '1' || char(9) || '%'
        ORDER BY stream, seq LIMIT 1)`,
    seen: ({ faults }) => has(faults, /does not end once/)
  },
  {
    name: 'a counter is off',
    sql: "UPDATE counters SET value = value + 1 WHERE name = 'messages'",
    seen: ({ faults }) => has(faults, /^counter messages/)
  },
  {
    name: 'a result is another one',
    sql: `UPDATE jobs SET output = replace(output, 'square', 'cube')
      WHERE id = (SELECT max(id) FROM jobs WHERE name LIKE 'probe%' AND status = 'succeeded')`,
    seen: ({ faults }) => has(faults, /has the wrong result/)
  }
]

t.test('what was acknowledged survives kill -9, and every job ends', async (t) => {
  const unseen: string[] = []
  const scratch = t.testdir()
  const result = await runCampaign({
    kills: 4,
    seed: SEED,
    async inspect (dir, ledger) {
      for (const [index, { name, sql, seen }] of DAMAGES.entries()) {
        const copy = join(scratch, String(index))
        mkdirSync(copy)
        cpSync(join(dir, 'orchestrator.sqlite'), join(copy, 'orchestrator.sqlite'))
        const database = new DatabaseSync(join(copy, 'orchestrator.sqlite'))
        const changed = database.prepare(typeof sql === 'string' ? sql : sql(ledger)).run().changes
        database.close()
        const findings = await verify(copy, ledger, { finished: true })
        if (changed !== 1 || !seen(findings)) unseen.push(`${name}: ${JSON.stringify({ changed, ...findings })}`)
      }
    }
  })
  t.ok(result.ledger.messages.size > 0 && result.ledger.events.size > 0 && result.ledger.jobs.size > 0, 'the writers wrote')
  t.strictSame(result.findings.lost, { messages: 0, events: 0, jobs: 0, sessions: 0 }, 'nothing is lost')
  t.equal(result.findings.duplicates, 0, 'nothing is doubled')
  t.strictSame(result.findings.faults, [], 'replies equal their streams, counters equal their rows')
  t.equal(result.findings.jobs.unfinished, 0, 'every job has ended')
  t.strictSame(result.ledger.unexpected, [], 'no answer but those of the contract')
  t.equal(result.exitCode, 0, 'the last server stopped in order')
  t.ok(isClean(result))
  t.strictSame(unseen, [], 'control: the same check sees every damage')
})

t.test('control: a server that answers before its commit is found out', async (t) => {
  const result = await runCampaign({ kills: 5, seed: SEED, control: true, verifyEvery: 1 })
  t.ok(total(result.findings) > 0, 'it has lost something')
  t.notOk(isClean(result))
})

const has = (faults: string[], pattern: RegExp): boolean => faults.some((fault) => pattern.test(fault))
