// Each gate switched off in turn, by putting something else in its place: the campaign has to find every one of them.
import type { EffectItem } from '../../../src/core/effects/items.ts'
import type { EffectKinds } from '../../../src/core/effects/kinds/index.ts'
import type { Policy } from '../../../src/core/effects/policy.ts'
import { planHash } from '../../../src/core/effects/canonical.ts'
import type { Facts } from '../../../src/core/effects/guard.ts'
import { multiplyMoney, type Money } from '../../../src/core/money.ts'
import type { Substitution } from './world.ts'

export interface Control {
  /** The gate that is off. */
  name: string
  substitution: Substitution
  /** What the campaign has to say. */
  finds: RegExp
}

/** The guard gets other facts than the shop has. */
const facts = (change: (facts: Facts, item: EffectItem) => Facts): NonNullable<Substitution['kinds']> => (kinds): EffectKinds => (name) => {
  const kind = kinds(name)
  return {
    ...kind,
    facts: async (items, access, policy) => (await kind.facts(items, access, policy)).map((one, index) => one === undefined ? one : change(one, items[index]!))
  }
}

const prices = (change: (price: Policy['price']) => void) => (policy: Policy): Policy => {
  change(policy.price)
  return policy
}
const rules = (change: (rule: Record<string, unknown>) => void) => (policy: Policy): Policy => {
  for (const rule of [...Object.values(policy.classes), ...Object.values(policy.agents).flatMap((own) => Object.values(own))]) change(rule)
  return policy
}

export const CONTROLS: Control[] = [
  {
    name: 'floor',
    substitution: {
      kinds: facts((one) => one.variant?.unit_cost == null
        ? one
        : {
            ...one,
            variant: { ...one.variant, unit_cost: { ...one.variant.unit_cost, amount: '0' } }
          })
    },
    finds: /below the floor/
  },
  {
    name: 'unknown cost',
    substitution: {
      kinds: facts((one) => one.variant === undefined || one.variant.unit_cost !== null
        ? one
        : { ...one, variant: { ...one.variant, unit_cost: { amount: '0', currency: one.currency } } })
    },
    finds: /unknown cost/
  },
  { name: 'limit of a day', substitution: { policy: prices((price) => { price.max_change_day = '1' }) }, finds: /too far within a day/ },
  { name: 'limit of 30 days', substitution: { policy: prices((price) => { price.max_change_30_days = '1' }) }, finds: /too far within 30 days/ },
  { name: 'cooldown', substitution: { policy: prices((price) => { price.cooldown_hours = 0 }) }, finds: /too soon/ },
  { name: 'enrolment', substitution: { policy: prices((price) => { price.enrolled_skus = ['*'] }) }, finds: /not enrolled/ },
  {
    name: 'currency',
    substitution: { kinds: facts((one, item) => 'currency' in item && one.variant === undefined ? { ...one, currency: item.currency } : one) },
    finds: /wrong currency/
  },
  {
    name: 'depth of discounts',
    substitution: { policy: (policy) => ({ ...policy, discount: { max_percentage: '1', max_days: 366 } }) },
    finds: /too deep|too long/
  },
  { name: 'size of refunds', substitution: { policy: (policy) => ({ ...policy, refund: { max_amount: '99999' } }) }, finds: /refund beyond/ },
  {
    name: 'how many',
    substitution: { policy: rules((rule) => { Object.assign(rule, { max_items: 100, max_items_per_day: 100_000 }) }) },
    finds: /more changes than/
  },
  { name: 'money at risk', substitution: { policy: rules((rule) => { rule['max_at_risk'] = null }) }, finds: /more money at risk/ },
  { name: 'blocked classes', substitution: { policy: rules((rule) => { if (rule['decision'] === 'block') rule['decision'] = 'approve' }) }, finds: /blocked/ },
  {
    name: 'price before',
    substitution: {
      // As if everything had cost ten times as much, and prices could move as they like.
      kinds: facts((one) => one.variant === undefined ? one : { ...one, variant: { ...one.variant, price: multiply(one.variant.price), past: [] } }),
      policy: prices((price) => { Object.assign(price, { max_change_day: '1', max_change_30_days: '1' }) })
    },
    finds: /nobody paid/
  },
  {
    name: 'approval by people',
    substitution: {
      policy: rules((rule) => { if (rule['decision'] !== 'block') rule['decision'] = 'auto' }),
      autonomy: 'autonomous'
    },
    finds: /not approved|nobody let it pass/
  },
  { name: 'autonomy', substitution: { autonomy: 'autonomous' }, finds: /nobody let it pass/ },
  {
    name: 'not by the one who asked',
    substitution: {
      store: (store) => ({
        ...store,
        fileProposals: (args) =>
          store.fileProposals({ ...args, proposals: args.proposals.map((one) => ({ ...one, requested_by: null })) })
      })
    },
    finds: /two people/
  },
  {
    name: 'two different people',
    substitution: {
      store (store) {
        let n = 0
        return { ...store, decideProposal: (args) => store.decideProposal({ ...args, decision: { ...args.decision, actor: `${args.decision.actor} ${n++}` } }) }
      }
    },
    finds: /two people/
  },
  {
    name: 'rejection',
    substitution: {
      store: (store) =>
        ({ ...store, decideProposal: (args) => store.decideProposal({ ...args, decision: { ...args.decision, verdict: 'approve' } }) })
    },
    finds: /rejected/
  },
  {
    name: 'kill switch',
    substitution: {
      store: (store) =>
        ({ ...store, addFreeze: async () => {}, liftFreeze: async () => true, listFreezes: async () => [] })
    },
    finds: /frozen/
  },
  {
    name: 'expiry',
    substitution: {
      // Nothing is ever over: not when it is decided, not when it is made.
      store: (store, { sql }) => ({
        ...store,
        async fileProposals (args) {
          const filed = await store.fileProposals(args)
          sql('UPDATE proposals SET expires_at = expires_at + 31536000000 WHERE expires_at < 1800000000000')
          return filed
        }
      })
    },
    finds: /expired/
  },
  {
    name: 'binding to the plan',
    substitution: {
      store: (store, { sql }) => ({
        ...store,
        async getProposal (id) {
          const proposal = await store.getProposal(id)
          if (proposal === undefined) return undefined
          const hash = planHash(proposal)
          return { ...proposal, plan_hash: hash, decisions: proposal.decisions.map((decision) => ({ ...decision, plan_hash: hash })) }
        },
        startEffect (args) {
          sql('UPDATE proposals SET plan_hash = ? WHERE id = ?', args.plan_hash, args.effect.proposal_id)
          return store.startEffect(args)
        }
      })
    },
    finds: /not what was filed|does not have/
  },
  {
    name: 'asking after a lost answer',
    substitution: {
      kinds: (kinds) => (name) => ({ ...kinds(name), look: async () => ({ state: 'before', current: null }) })
    },
    finds: /made twice|had moved/
  },
  {
    name: 'record before the call',
    substitution: { store: (store) => ({ ...store, startEffect: async () => ({ outcome: 'started' }) }) },
    finds: /no audit row/
  },
  {
    name: 'chained log',
    substitution: {
      store: (store, { sql }) => ({
        ...store,
        async finishEffect (args) {
          await store.finishEffect(args)
          sql("UPDATE effects SET after = '\"rewritten\"' WHERE key = ?", args.key)
        }
      })
    },
    finds: /the ledger/
  }
]

const multiply = (money: Money): Money => multiplyMoney(money, 10)
