// Several real processes on a real PostgreSQL of the test's own: a short run of the campaigns on replicas, rolling restarts and streams.
import t from 'tap'
import { postgresPrograms } from './campaigns/cluster/database.ts'
import { hasNginx } from './campaigns/cluster/nginx.ts'
import { runCampaign as runReplicas } from './campaigns/replicas/campaign.ts'
import { runCampaign as runRolling } from './campaigns/rolling/campaign.ts'
import { runCampaign as runStreams } from './campaigns/streams/campaign.ts'

const missing = postgresPrograms() === undefined ? 'PostgreSQL below /usr/lib/postgresql' : hasNginx() ? undefined : 'nginx'
if (missing !== undefined && process.env['REQUIRE_SERVICES'] === '1') throw new Error(`REQUIRE_SERVICES is set, and there is no ${missing}`)
const skip = missing === undefined ? false : `there is no ${missing}`

const SEED = 20_261_127

t.test('processes are killed, and nothing is lost, doubled, or ended by who lost it', { skip }, async (t) => {
  const result = await runReplicas({ seed: SEED, kills: 2, pauseMs: 0, outageMs: 0, phases: ['kills'] })
  t.ok(result.ledger.messages.size > 0 && result.ledger.jobs.size > 0, 'there was work')
  t.strictSame(result.findings.lost, { messages: 0, events: 0, jobs: 0, sessions: 0 })
  t.equal(result.findings.duplicates, 0)
  t.strictSame(result.findings.faults, [])
  t.equal(result.findings.jobs.unfinished, 0)
  t.strictSame(result.wrong, [])
  t.strictSame(result.ledger.unexpected, [])
  t.equal(result.staleEnds, 0)
  t.strictSame(result.changes.finds, [])
  t.ok(result.exitCodes.every((code) => code === 0), `exit codes ${result.exitCodes.join(' ')}`)
})

t.test('a rolling restart fails no request and no stream; kill -9 does', { skip }, async (t) => {
  const result = await runRolling({ rounds: 1, way: 'nginx', atLeast: 0 })
  t.ok(result.requests > 0 && result.streams.read > 0)
  t.strictSame(result.failures, [])
  t.match(result.streams, { lost: 0, doubled: 0, unequal: 0 })
  t.ok(result.exitCodes.every((code) => code === 0), `exit codes ${result.exitCodes.join(' ')}`)
  const control = await runRolling({ rounds: 1, way: 'direct', atLeast: 0, control: true })
  t.ok(control.failed > 0, 'control: kill -9 is noticed')
})

t.test('streams over two replicas are whole, however they are cut', { skip }, async (t) => {
  const result = await runStreams({ streams: 40, cuts: 20, seed: SEED })
  t.match(result, { streams: 40, lost: 0, doubled: 0, reordered: 0, unequal: 0, refused: [] })
  t.ok(result.cuts > 400, `${result.cuts} cuts`)
  const control = await runStreams({ streams: 20, cuts: 20, seed: SEED, control: true })
  t.ok(control.lost + control.unequal > 0, 'control: events that are not found are noticed')
})
