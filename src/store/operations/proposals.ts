// Proposals and the decisions on them. A decision is a compare-and-set: what was seen is what is decided, once.
import { planHash } from '../../core/effects/canonical.ts'
import { BY_HAND } from '../../core/effects/items.ts'
import { needsApprovals, type Proposal, type ProposalDecision, type ShadowScore } from '../../core/effects/proposal.ts'
import type { DecideOutcome, NewProposal, ProposalFilter, ShadowTotals } from '../../core/effects/store.ts'
import { ANONYMOUS, isSameActor } from '../../core/effects/actors.ts'
import { decodeCursor, encodeCursor } from '../../core/cursor.ts'
import type { NewJob, Page } from '../../core/model.ts'
import type { PageRequest } from '../../core/store.ts'
import { pageOf } from '../page.ts'
import { all, one, run, type Operation, type SqlValue, type Tx } from '../statement.ts'
import { insertAudit } from './audit.ts'
import { insertJob } from './jobs.ts'
import { keepText, textsBack } from './texts.ts'
import { announce } from './webhooks.ts'

const JSON_COLUMNS = ['rationale', 'items', 'evidence', 'expected_gain', 'verdict', 'score'] as const

export type ProposalRow = Omit<Proposal, typeof JSON_COLUMNS[number] | 'decisions'> & Record<typeof JSON_COLUMNS[number], string | null>
type DecisionRow = Omit<ProposalDecision, 'items'> & { items: string | null, proposal_id: string }

export function * fileProposals (
  tx: Tx, { proposals, now }: { proposals: NewProposal[], now: number }
): Operation<Array<{ id: string, outcome: 'filed' | 'unchanged' }>> {
  const filed: Array<{ id: string, outcome: 'filed' | 'unchanged' }> = []
  for (const proposal of proposals) {
    // Whatever waits about another shop waits for nothing: it would be applied to none.
    yield * run("UPDATE proposals SET status = 'superseded', reason = 'other_shop' WHERE status IN ('pending', 'blocked') AND shop <> ?", proposal.shop)
    const twin = yield * one<{ id: string }>(
      `SELECT id FROM proposals WHERE agent = ? AND key = ? AND plan_hash = ? AND shop = ? AND expires_at > ?
         AND (status IN ('approved', 'rejected', ?) ) ORDER BY id DESC LIMIT 1`,
      proposal.agent, proposal.key, proposal.plan_hash, proposal.shop, now, proposal.status === 'approved' ? 'approved' : proposal.status)
    // What was handed to a person is in that person's hands until the plan would have expired, with whatever figures it comes again.
    const handed = twin === undefined && BY_HAND.has(proposal.class)
      ? yield * one<{ id: string }>(
        "SELECT id FROM proposals WHERE agent = ? AND key = ? AND shop = ? AND expires_at > ? AND status IN ('applied', 'rejected') ORDER BY id DESC LIMIT 1",
        proposal.agent, proposal.key, proposal.shop, now)
      : twin
    if (handed !== undefined) {
      filed.push({ id: handed.id, outcome: 'unchanged' })
      continue
    }
    yield * run(
      "UPDATE proposals SET status = 'superseded', reason = ? WHERE agent = ? AND key = ? AND status IN ('pending', 'blocked')",
      `by ${proposal.id}`, proposal.agent, proposal.key)
    yield * insertProposal(proposal)
    if (proposal.auto !== undefined) {
      yield * insertDecision(proposal.id, proposal.auto.decision)
      yield * insertJob(tx, proposal.auto.job)
    }
    yield * announceFiled(tx, proposal, now)
    filed.push({ id: proposal.id, outcome: 'filed' })
  }
  return filed
}

/** What was only observed is told to nobody. What the policy lets pass is made and decided at once. */
function * announceFiled (tx: Tx, proposal: NewProposal, now: number): Operation<void> {
  if (proposal.status !== 'pending' && proposal.auto === undefined) return
  yield * announce(tx, 'proposal.created', { ...factsOf(proposal), status: proposal.status, expires_at: new Date(proposal.expires_at).toISOString() }, now)
  if (proposal.auto !== undefined) yield * announce(tx, 'proposal.decided', { ...factsOf(proposal), status: proposal.status }, now)
}

/** Without titles and reasons: they may name people. */
const factsOf = ({ id, agent, class: effectClass, items, plan_hash: hash }: Pick<Proposal, 'id' | 'agent' | 'class' | 'items' | 'plan_hash'>) =>
  ({ proposal_id: id, agent, class: effectClass, items: items.length, plan_hash: hash })

function * insertProposal (proposal: NewProposal): Operation<void> {
  yield * run(
    `INSERT INTO proposals (id, agent, job_id, requested_by, class, key, title, rationale, items, evidence, expected_gain, plan_hash, status, reason,
       verdict, policy_version, autonomy, source, shop, created_at, expires_at, decided_at, apply_job_id)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    proposal.id, proposal.agent, proposal.job_id, proposal.requested_by, proposal.class, proposal.key, proposal.title, JSON.stringify(proposal.rationale),
    JSON.stringify(proposal.items), JSON.stringify(proposal.evidence), proposal.expected_gain === null ? null : JSON.stringify(proposal.expected_gain),
    proposal.plan_hash, proposal.status, proposal.reason, JSON.stringify(proposal.verdict), proposal.policy_version, proposal.autonomy, proposal.source,
    proposal.shop, proposal.created_at, proposal.expires_at, proposal.auto?.decision.at ?? null, proposal.apply_job_id)
}

function * insertDecision (proposalId: string, decision: ProposalDecision): Operation<void> {
  yield * run(
    'INSERT INTO proposal_decisions (id, proposal_id, verdict, actor, request_id, plan_hash, items, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    decision.id, proposalId, decision.verdict, decision.actor, decision.request_id, decision.plan_hash,
    decision.items === null ? null : JSON.stringify(decision.items), yield * keepText(decision.reason), decision.at)
}

export function * getProposal (_tx: Tx, id: string): Operation<Proposal | undefined> {
  const row = yield * one<ProposalRow>('SELECT * FROM proposals WHERE id = ?', id)
  return row === undefined ? undefined : yield * withDecisions(row)
}

export function * withDecisions (row: ProposalRow): Operation<Proposal> {
  const rows = yield * all<DecisionRow>('SELECT * FROM proposal_decisions WHERE proposal_id = ? ORDER BY id', row.id)
  const reasons = yield * textsBack(rows.map(({ reason }) => reason))
  const decisions = rows.map(({ proposal_id: _of, items, ...decision }, index) =>
    ({ ...decision, items: items === null ? null : JSON.parse(items) as number[], reason: reasons[index]! }))
  const parsed = Object.fromEntries(JSON_COLUMNS.map((column) => [column, row[column] === null ? null : JSON.parse(row[column])]))
  return { ...row, ...parsed, decisions } as unknown as Proposal
}

export function * listProposals (
  _tx: Tx, { filter, page }: { filter: ProposalFilter, page: PageRequest }
): Operation<Page<Proposal> & { total: number }> {
  const conditions = (Object.entries(filter) as Array<[string, string | undefined]>).filter(([, value]) => value !== undefined)
  const where = conditions.map(([column]) => `${column} = ?`)
  const values = conditions.map(([, value]) => value as SqlValue)
  const total = yield * one<{ n: number }>(`SELECT count(*) AS n FROM proposals ${whereOf(where)}`, ...values)
  if (page.cursor !== undefined) {
    where.push('id < ?')
    values.push(decodeCursor('proposals', page.cursor))
  }
  const rows = yield * all<ProposalRow>(`SELECT * FROM proposals ${whereOf(where)} ORDER BY id DESC LIMIT ?`, ...values, page.limit + 1)
  const { items, ...next } = pageOf(rows, page.limit, (last) => encodeCursor('proposals', last.id))
  const list: Proposal[] = []
  for (const row of items) list.push(yield * withDecisions(row))
  return { items: list, ...next, total: total!.n }
}

export const whereOf = (conditions: string[]): string => conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`

export function * decideProposal (
  tx: Tx, { id, decision, job, now }: { id: string, decision: ProposalDecision, job: NewJob | null, now: number }
): Operation<DecideOutcome> {
  const proposal = yield * getProposal(tx, id)
  if (proposal === undefined) return { outcome: 'not_found' }
  if (proposal.status !== 'pending') return { outcome: 'not_pending' }
  if (proposal.expires_at <= now) return { outcome: 'expired' }
  // The plan as it lies here now, not what somebody once said of it.
  if (decision.plan_hash !== proposal.plan_hash || planHash(proposal) !== proposal.plan_hash) return { outcome: 'plan_changed' }
  const audit = { ...decision, action: decision.verdict, target: `proposal:${id}`, before: { status: 'pending' } }
  if (decision.verdict === 'reject') {
    yield * insertDecision(id, decision)
    yield * run("UPDATE proposals SET status = 'rejected', decided_at = ? WHERE id = ?", now, id)
    yield * insertAudit({ ...audit, after: { status: 'rejected' } })
    yield * announce(tx, 'proposal.decided', { ...factsOf(proposal), status: 'rejected' }, now)
    return { outcome: 'rejected', proposal: (yield * getProposal(tx, id))! }
  }
  const fault = faultOfApproval(proposal, decision)
  if (fault !== undefined) return { outcome: fault }
  yield * insertDecision(id, decision)
  const approvals = proposal.decisions.filter(({ verdict }) => verdict === 'approve').length + 1
  const enough = approvals >= needsApprovals(proposal.verdict)
  yield * insertAudit({ ...audit, after: { status: enough ? 'approved' : 'pending', approvals, items: decision.items } })
  if (enough) {
    yield * run("UPDATE proposals SET status = 'approved', decided_at = ?, apply_job_id = ? WHERE id = ?", now, job?.id ?? null, id)
    if (job !== null) yield * insertJob(tx, job)
    yield * announce(tx, 'proposal.decided', { ...factsOf(proposal), status: 'approved' }, now)
  }
  return { outcome: enough ? 'approved' : 'waits_for_second', proposal: (yield * getProposal(tx, id))! }
}

type Refused = Exclude<DecideOutcome['outcome'], 'approved' | 'rejected' | 'waits_for_second'>

const faultOfApproval = (proposal: Proposal, { actor, items }: ProposalDecision): Refused | undefined => {
  for (const index of items ?? []) {
    if (proposal.items[index] === undefined) return 'no_such_item'
    if (proposal.verdict.items[index]?.decision === 'block') return 'item_blocked'
  }
  if (needsApprovals(proposal.verdict) < 2) return undefined
  if (isSameActor(actor, ANONYMOUS)) return 'unnamed'
  if (isSameActor(actor, proposal.requested_by)) return 'self_approval'
  if (proposal.decisions.some((earlier) => isSameActor(earlier.actor, actor))) return 'same_approver'
  return undefined
}

export function * endProposal (
  _tx: Tx, { id, status, reason }: { id: string, status: 'applied' | 'failed', reason: string | null, now: number }
): Operation<void> {
  yield * run("UPDATE proposals SET status = ?, reason = ? WHERE id = ? AND status = 'approved'", status, reason, id)
}

export function * expireProposals (_tx: Tx, now: number): Operation<number> {
  const rows = yield * all<{ id: string }>("UPDATE proposals SET status = 'expired' WHERE status = 'pending' AND expires_at <= ? RETURNING id", now)
  return rows.length
}

export function * unscoredShadows (_tx: Tx, { now, limit }: { now: number, limit: number }): Operation<Proposal[]> {
  const rows = yield * all<ProposalRow>(
    "SELECT * FROM proposals WHERE status = 'shadow' AND score IS NULL AND expires_at <= ? ORDER BY expires_at LIMIT ?", now, limit)
  const list: Proposal[] = []
  for (const row of rows) list.push(yield * withDecisions(row))
  return list
}

export function * scoreShadow (_tx: Tx, { id, score }: { id: string, score: ShadowScore }): Operation<void> {
  yield * run("UPDATE proposals SET score = ? WHERE id = ? AND status = 'shadow'", JSON.stringify(score), id)
}

export function * shadowTotals (_tx: Tx, agent: string): Operation<ShadowTotals> {
  const rows = yield * all<{ score: string | null }>("SELECT score FROM proposals WHERE agent = ? AND status = 'shadow'", agent)
  const totals: ShadowTotals = { proposals: rows.length, scored: 0, same: 0, untouched: 0, different: 0, unknown: 0 }
  for (const { score } of rows) {
    if (score === null) continue
    const own = JSON.parse(score) as ShadowScore
    totals.scored += 1
    for (const outcome of ['same', 'untouched', 'different', 'unknown'] as const) totals[outcome] += own[outcome]
  }
  return totals
}
