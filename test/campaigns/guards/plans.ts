// Many plans through the gates: filed, approved by the right and the wrong people, altered, expired, frozen, met by faults, tried again, undone. Every
// change that arrives at the shop is looked at by the oracle.
import { CircuitOpenError } from '../../../src/core/breaker-registry.ts'
import { CommerceError } from '../../../src/core/commerce-error.ts'
import { planHash } from '../../../src/core/effects/canonical.ts'
import { newId } from '../../../src/core/ids.ts'
import type { Proposal } from '../../../src/core/effects/proposal.ts'
import { DAY, HOUR } from '../../helpers/effects-rig.ts'
import type { Trouble } from '../../helpers/puppet-shop.ts'
import { createDice, type Dice } from '../kill/random.ts'
import { AGENTS, drawDraft, drawPolicy, drawShop, fillShop, pick } from './draw.ts'
import { createWorld, type Substitution, type World } from './world.ts'

export interface PlansResult {
  plans: number
  changes: number
  writes: number
  /** By what was done to a plan between its approval and its run. */
  attacks: Record<string, number>
  finds: string[]
  seconds: number
}

export interface PlansOptions {
  plans: number
  seed: number
  substitution?: Substitution
  /** Ends at the first find like this. */
  until?: RegExp
  report?: (plans: number) => void
}

const PLANS_A_WORLD = 400
const PLANS_A_ROUND = 10
const TRIES = 5
const FINDS_KEPT = 20

export const runPlans = async ({ plans, seed, substitution, until, report }: PlansOptions): Promise<PlansResult> => {
  const begun = performance.now()
  const result: PlansResult = { plans: 0, changes: 0, writes: 0, attacks: {}, finds: [], seconds: 0 }
  for (let n = 0; result.plans < plans && !hasFound(result.finds, until); n++) {
    const dice = createDice(seed + n * 7_919)
    const world = await createWorld(drawPolicy(dice), drawShop(dice), substitution)
    fillShop(dice, world.shop)
    await live(world, dice, Math.min(PLANS_A_WORLD, plans - result.plans), result, until)
    const fault = await world.verify()
    result.finds.push(...world.oracle.finds, ...(fault === null ? [] : [`the ledger: ${fault}`]), ...unrecorded(world))
    if (until === undefined) result.finds.splice(FINDS_KEPT)
    result.writes += world.shop.writes.length
    await world.close()
    report?.(result.plans)
  }
  result.seconds = (performance.now() - begun) / 1_000
  return result
}

const hasFound = (finds: string[], wanted: RegExp | undefined): boolean => wanted !== undefined && finds.some((find) => wanted.test(find))

/** Changes that the shop has and the ledger does not. */
const unrecorded = ({ shop, tampered: { database } }: World): string[] => {
  const row = database.prepare('SELECT status FROM effects WHERE key = ?')
  return [...shop.made.keys()].filter((key) => !['started', 'done', 'reverted', 'failed',
    'conflict'].includes((row.get(key) as { status?: string } | undefined)?.status ?? ''))
    .map((key) => `${key}: the shop has it and the ledger does not`)
}

const live = async (world: World, dice: Dice, plans: number, result: PlansResult, until: RegExp | undefined): Promise<void> => {
  let policy = drawPolicy(dice)
  await world.setPolicy(policy)
  for (let left = plans; left > 0; left -= PLANS_A_ROUND) {
    if (hasFound(world.oracle.finds, until)) return
    const agent = pick(dice, AGENTS)
    if (dice.chance(0.3)) await world.setAutonomy(agent, pick(dice, ['observe', 'suggest', 'act_with_approval', 'autonomous', 'autonomous']))
    const count = Math.min(PLANS_A_ROUND, left)
    const byKey = new Map(Array.from({ length: count }, () => drawDraft(dice, world.shop, policy, world.clock.now())).map((draft) => [draft.key, draft]))
    const requester = pick(dice, [null, null, 'anna', 'bert'])
    const filed = await world.file(agent, [...byKey.values()], requester)
    result.plans += count
    for (const { id } of filed) {
      const proposal = await world.get(id)
      result.changes += proposal.items.length
      await decide(world, dice, proposal)
      const frozen: string[] = []
      const meddle = async (): Promise<void> => {
        const done = await attack(world, dice, proposal, frozen)
        if (done === undefined) return
        result.attacks[done] = (result.attacks[done] ?? 0) + 1
        if (done === 'policy') {
          policy = drawPolicy(dice)
          await world.setPolicy(policy)
        }
      }
      await meddle()
      for (let attempt = 0; attempt < TRIES; attempt++) {
        trouble(world, dice)
        const outcome = await world.apply(id)
        if (outcome !== 'again' && !dice.chance(0.05)) break
        await meddle()
        if (dice.chance(0.7)) for (const freeze of frozen.splice(0)) await world.lift(freeze)
      }
      world.shop.trouble = () => undefined
      for (const freeze of frozen) await world.lift(freeze)
      if (dice.chance(0.05)) await world.revert(proposal)
    }
    world.clock.pass(pick(dice, [0, 60_000, HOUR, 6 * HOUR - 1, 6 * HOUR, 6 * HOUR, DAY]))
  }
}

const PEOPLE = ['anna', 'bert', 'carl', 'Anna ', 'BERT', 'api', 'API']

const decide = async (world: World, dice: Dice, proposal: Proposal): Promise<void> => {
  if (dice.chance(0.03)) await world.reject(proposal)
  for (let n = dice.chance(0.1) ? 0 : 1 + dice.below(3); n > 0; n--) {
    const hash = dice.chance(0.05) ? 'f'.repeat(64) : proposal.plan_hash
    const items = dice.chance(0.7) ? undefined : [dice.below(proposal.items.length), dice.below(proposal.items.length + (dice.chance(0.05) ? 1 : 0))]
    await world.approve(proposal, pick(dice, PEOPLE), items, hash)
  }
}

/** What happens to a plan between its approval and its run, or between two tries. Answers what it was. */
const attack = async (world: World, dice: Dice, proposal: Proposal, frozen: string[]): Promise<string | undefined> => {
  const { sql } = world.tampered
  const variant = pick(dice, [...world.shop.variants.values()])
  switch (dice.below(24)) {
    case 0: case 1:
      frozen.push(await world.freeze(pick(dice, ['all', `agent:${proposal.agent}`, `class:${proposal.class}`, 'class:segment', 'agent:other'])))
      return 'frozen'
    case 2: return 'policy'
    case 3:
      variant.unit_cost = dice.chance(0.3)
        ? null
        : {
            amount: (Number(variant.price.amount) * (0.3 + dice.below(90) / 100)).toFixed(2),
            currency: variant.price.currency
          }
      return 'cost'
    case 4:
      variant.price.amount = (Number(variant.price.amount) * (0.9 + dice.below(20) / 100)).toFixed(variant.price.currency === 'JPY' ? 0 : 2)
      return 'moved'
    case 5:
      world.clock.pass(pick(dice, [1_000, HOUR, 4 * DAY]))
      return 'time'
    case 6:
      await world.setAutonomy(proposal.agent, pick(dice, ['observe', 'suggest', 'act_with_approval']))
      return 'autonomy'
    case 7: case 8: {
      // Other items under the same hash, under their own, or with an approval by hand as well: the items that were filed are in the oracle's books.
      const items = alter(dice, proposal)
      const hash = planHash({ ...proposal, items })
      if (dice.chance(0.5)) sql('UPDATE proposals SET items = ? WHERE id = ?', JSON.stringify(items), proposal.id)
      else sql('UPDATE proposals SET items = ?, plan_hash = ? WHERE id = ?', JSON.stringify(items), hash, proposal.id)
      return 'altered'
    }
    case 9:
      sql("UPDATE proposals SET status = 'approved' WHERE id = ?", proposal.id)
      return 'status'
    case 10:
      sql("UPDATE proposals SET verdict = json_set(verdict, '$.decision', 'auto'), status = status WHERE id = ?", proposal.id)
      return 'verdict'
    case 11:
      sql('UPDATE proposals SET agent = ? WHERE id = ?', proposal.agent === 'pricer' ? 'helper' : 'pricer', proposal.id)
      return 'agent'
    case 12: {
      // An approval of another plan, as if it were one of this.
      sql('INSERT INTO proposal_decisions (id, proposal_id, verdict, actor, plan_hash, at) VALUES (?, ?, ?, ?, ?, ?)',
        newId(), proposal.id, 'approve', 'mallory', 'e'.repeat(64), world.clock.now())
      return 'forged'
    }
    default: return undefined
  }
}

const alter = (dice: Dice, { items }: Proposal): Proposal['items'] => {
  const copy = structuredClone(items) as Array<Record<string, any>>
  const item = pick(dice, copy)
  if (dice.chance(0.2)) copy.push(structuredClone(item))
  if (item['price'] !== undefined) item['price'] = (Number(item['price']) * 0.99).toFixed(2)
  else if (item['add'] !== undefined) item['add'] = ['altered']
  else if (item['note'] !== undefined) item['note'] = 'altered'
  else if (item['query'] !== undefined) item['query'] = 'altered'
  else if (item['usage_limit'] !== undefined) item['usage_limit'] += 1
  else item['title'] = 'altered'
  return copy as Proposal['items']
}

/** A tenth of the calls goes wrong in one way or another. */
const trouble = (world: World, dice: Dice): void => {
  const rate = dice.chance(0.7) ? 0 : 0.2
  world.shop.trouble = (call): Trouble | undefined => {
    if (rate === 0 || !dice.chance(rate)) return undefined
    const error = pick(dice, [
      new CommerceError('shop_unavailable', 'away'), new CommerceError('shop_unavailable', 'away'), new CommerceError('shop_answer_invalid', 'nonsense'),
      new CommerceError('shop_throttled', 'wait'), new CircuitOpenError('shopify_api', 1), new CommerceError('shop_user_errors', 'no'),
      new CommerceError('shop_conflict', 'moved')
    ])
    return { error, applied: call.key !== null && dice.chance(0.5) }
  }
}
