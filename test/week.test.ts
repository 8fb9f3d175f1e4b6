// The story of `npm run demo`, told to nobody and with fewer days: its key facts, as the shop itself shows them.
import t from 'tap'
import { tellWeek } from '../examples/week.ts'

// The other days are like these.
const DAYS = 2

t.test('a week of shop life', { timeout: 170_000 }, async (t) => {
  const lines: string[] = []
  const facts = await tellWeek({ say: (line) => { lines.push(line) }, days: DAYS })
  const story = lines.join('\n')
  t.strictSame(facts.agents_run, [
    'analytics', 'order_management', 'inventory_forecasting', 'pricing_optimizer', 'recommendation', 'marketing_automation'
  ], story)
  t.strictSame(facts.webhook, { taken: 1, duplicates: 1, forged_refused: true })

  const { price, frozen, outage } = facts
  t.not(price.before, price.approved, 'there was something to change')
  t.equal(price.after_effect, price.approved, 'what was approved is what the shop shows')
  t.equal(price.after_revert, price.before, 'and undone it is as it was')

  t.equal(frozen.waited, true)
  t.equal(frozen.while_frozen, frozen.before, 'nothing moves while it is frozen')
  t.equal(frozen.after, frozen.approved, 'and it goes on by itself afterwards')

  t.match(outage, { parked: true, reason: 'circuit_open:shopify_api', resumed: true, readiness_stayed: true })
  t.equal(facts.days, DAYS)
  t.match(facts.ledger, { ok: true, fault: null })
  t.equal(facts.effects['reverted'], 1)
  t.ok((facts.effects['done'] ?? 0) >= 1)
  t.strictSame(facts.brief.filter((line) => /failed|shut off|does not run/.test(line)), [], 'nothing is broken at the end')
})
