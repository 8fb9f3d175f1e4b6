// `npm run check:guards`: whether anything but what the rules allow and people approved can reach the shop. Plans by the thousand with an oracle at the
// door, kill -9 at every step of the way, and a hostile language model; before that every gate is switched off in turn, and each must be found out.
// Options: --plans N (100,000), --seed S (the time), --only controls,plans,kills,hostile; --kill-classes price_change,refund (all).
import { parseArgs } from 'node:util'
import { CONTROLS } from './guards/controls.ts'
import { runHostile } from './guards/hostile.ts'
import { KILL_CLASSES, type KillClass } from './guards/kill-drafts.ts'
import { KILL_STEPS } from './guards/kill-steps.ts'
import { runKills } from './guards/kill.ts'
import { runPlans } from './guards/plans.ts'

const PLANS = 100_000
const CONTROL_PLANS = 8_000
const PARTS = ['controls', 'plans', 'kills', 'hostile']

const main = async (): Promise<number> => {
  const { values } = parseArgs({
    options: { plans: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' }, 'kill-classes': { type: 'string' } }
  })
  const plans = Number(values.plans ?? PLANS)
  const seed = Number(values.seed ?? Date.now() % 2 ** 31)
  const only = values.only?.split(',') ?? PARTS
  const classes = (values['kill-classes']?.split(',') ?? [...KILL_CLASSES]) as KillClass[]
  if (!Number.isSafeInteger(plans) || plans < 1 || !Number.isSafeInteger(seed) || !only.every((part) => PARTS.includes(part)) ||
    !classes.every((name) => KILL_CLASSES.includes(name))) {
    console.error(`--plans takes a whole number from 1, --seed a whole number, --only some of ${PARTS.join(',')}, ` +
      `--kill-classes some of ${KILL_CLASSES.join(',')}.`)
    return 2
  }
  console.log(`seed ${seed}`)
  if (only.includes('controls') && !await controlsFail(seed, only)) return 1
  const figures: string[] = []
  const finds: string[] = []
  if (only.includes('plans')) {
    let told = 0
    const result = await runPlans({
      plans,
      seed,
      report (done) {
        if (done - told < 20_000) return
        told = done
        console.log(`${done} plans`)
      }
    })
    finds.push(...result.finds)
    const attacks = Object.values(result.attacks).reduce((sum, count) => sum + count, 0)
    figures.push(`${result.plans} plans, ${result.changes} changes, ${attacks} attacks on them, ${result.writes} reached the shop; ` +
      `illegal, altered, reused, expired, self-approved or unrecorded among them: ${result.finds.length}; ${Math.round(result.seconds)} s`)
  }
  if (only.includes('kills')) {
    const result = await runKills({ classes, report: console.log })
    finds.push(...result.finds)
    figures.push(`kill -9: ${result.kills} at ${KILL_STEPS.length} steps of ${classes.length} classes, made once: ${result.once} of ${result.changes}; ` +
      `${Math.round(result.seconds)} s`)
  }
  if (only.includes('hostile')) {
    const result = await runHostile()
    finds.push(...result.finds)
    figures.push(`hostile model: ${result.calls} forged calls in ${result.conversations} conversations, arrived: ${result.finds.length}`)
  }
  for (const find of finds) console.log(`- ${find}`)
  if (figures.length > 0) console.log(`guards: ${figures.join('; ')}; finds: ${finds.length}`)
  return finds.length === 0 ? 0 : 1
}

/** A campaign that finds nothing when a gate is off proves nothing. */
const controlsFail = async (seed: number, only: string[]): Promise<boolean> => {
  const blind: string[] = []
  if (only.includes('plans')) {
    for (const { name, substitution, finds } of CONTROLS) {
      const result = await runPlans({ plans: CONTROL_PLANS, seed, substitution, until: finds })
      if (!result.finds.some((find) => finds.test(find))) blind.push(name)
    }
  }
  if (only.includes('kills')) {
    const { finds } = await runKills({ classes: ['order_tag'], steps: [{ operation: 'call', when: 'after' }], control: true })
    if (!finds.some((find) => find.includes('2 changes'))) blind.push('asking after a kill')
  }
  if (only.includes('hostile') && (await runHostile({ control: true })).finds.length === 0) blind.push('an assistant that decides')
  for (const name of blind) console.log(`control, ${name} switched off: was not found out, so this campaign proves nothing`)
  if (blind.length === 0) console.log('controls: every gate that is switched off is found out')
  return blind.length === 0
}

process.exitCode = await main()
