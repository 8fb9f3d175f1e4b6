// What the daily brief and the metrics are made of.
import type { BriefRows, GateCounts } from '../../core/effects/store.ts'
import type { EffectItem } from '../../core/effects/items.ts'
import { firstIdAt } from '../../core/ids.ts'
import type { JobFailure } from '../../core/model.ts'
import type { Money } from '../../core/money.ts'
import { all, one, type Operation, type Tx } from '../statement.ts'

/** How many there are; each from an index alone. */
export function * gateCounts (): Operation<GateCounts> {
  return {
    proposals: yield * all<GateCounts['proposals'][number]>('SELECT status, count(*) AS count FROM proposals GROUP BY status'),
    effects: yield * all<GateCounts['effects'][number]>('SELECT class, status, count(*) AS count FROM effects GROUP BY class, status')
  }
}

const TROUBLES_SHOWN = 50
const TROUBLED = "status IN ('failed', 'dead', 'parked')"

export function * briefRows (_tx: Tx, { since }: { since: number }): Operation<BriefRows> {
  const from = firstIdAt(since)
  const runs = yield * all<BriefRows['runs'][number]>(
    "SELECT agent, status, count(*) AS count FROM jobs WHERE agent IS NOT NULL AND id >= ? AND kind IN ('agent', 'event') GROUP BY agent, status", from)
  const effects = yield * all<BriefRows['effects'][number]>(
    'SELECT class, status, count(*) AS count FROM effects WHERE started_at >= ? AND reverts IS NULL GROUP BY class, status ORDER BY class, status', since)
  // The gain is that of all changes together: of a part of them, or of what was undone since, nobody knows it.
  const gains = yield * all<{ gain: string, items: string, made: number, undone: number }>(
    `SELECT p.expected_gain AS gain, p.items,
       (SELECT count(*) FROM effects e WHERE e.proposal_id = p.id AND e.reverts IS NULL) AS made,
       (SELECT count(*) FROM effects e WHERE e.proposal_id = p.id AND e.status = 'reverted') AS undone
     FROM proposals p WHERE p.status = 'applied' AND p.decided_at >= ? AND p.expected_gain IS NOT NULL`, since)
  const refunds = yield * all<{ item: string }>("SELECT item FROM effects WHERE class = 'refund' AND status = 'done' AND started_at >= ?", since)
  type Trouble = Omit<BriefRows['troubles'][number], 'message'> & { error: string | null }
  const troubles = yield * all<Trouble>(
    `SELECT id, name, status, reason, error, finished_at AS at FROM jobs WHERE ${TROUBLED} AND id >= ? ORDER BY id DESC LIMIT ${TROUBLES_SHOWN}`, from)
  const troubled = yield * one<{ failed: number, parked: number }>(
    `SELECT count(*) FILTER (WHERE status <> 'parked') AS failed, count(*) FILTER (WHERE status = 'parked') AS parked
     FROM jobs WHERE ${TROUBLED} AND id >= ?`, from)
  const missed = yield * one<{ n: number }>("SELECT count(*) AS n FROM events WHERE source = 'reconciliation' AND id >= ?", from)
  return {
    runs,
    effects,
    missed_webhooks: missed!.n,
    gains: gains.filter(({ items, made, undone }) => undone === 0 && made === (JSON.parse(items) as unknown[]).length)
      .map(({ gain }) => JSON.parse(gain) as Money),
    refunds: refunds.map(({ item }) => {
      const { expected_total: amount, currency } = JSON.parse(item) as EffectItem<'refund'>
      return { amount, currency }
    }),
    troubles: troubles.map(({ error, ...row }) => ({ ...row, message: error === null ? null : (JSON.parse(error) as JobFailure).message })),
    troubled: { failed: troubled?.failed ?? 0, parked: troubled?.parked ?? 0 }
  }
}
