// The circuit breaker against its reference (test/helpers/reference-breaker.ts), and two well-known ones that deviate: the campaign of
// `npm run check:breaker` with a short seed.
import t from 'tap'
import type { Breaker } from '../../src/core/breaker.ts'
import { checkControl, checkMachine, measureGuardedCall } from '../campaigns/breaker/campaign.ts'
import { cockatiel, opossum } from '../campaigns/breaker/controls.ts'
import { machine } from '../campaigns/breaker/machine.ts'
import { play, type SubjectKind } from '../campaigns/breaker/player.ts'
import type { Script, Step } from '../campaigns/breaker/scripts.ts'

const SEED = 20_260_101
const STEPS = 40_000

t.test('the machine equals its reference over random steps', async (t) => {
  const { steps, deviation, seen } = await checkMachine({ steps: STEPS, seed: SEED })
  t.equal(deviation, undefined)
  t.ok(steps >= STEPS, `${steps} steps`)
  t.comment(`${steps} steps, ${JSON.stringify(Object.fromEntries([...seen].sort()))}`)
  // Whatever the scripts never reach would be shown by nothing.
  for (const what of [
    'consecutive_failures', 'failure_rate', 'slow_rate', 'probe_started', 'probe_failed', 'probe_slow', 'probe_timeout', 'recovered',
    'forced', 'released', 'expired', 'reset', 'late result', 'second settle', 'cancelled probe',
    'rejected open', 'rejected probing', 'rejected forced_open'
  ]) t.ok((seen.get(what) ?? 0) >= 10, `${what}: ${seen.get(what) ?? 0} times`)
})

/** Faults as they happen to breakers: the campaign has to see each. */
const FAULTS: Record<string, (breaker: Breaker) => Partial<Breaker>> = {
  'a hold forgets its end': (breaker) => ({ force: (mode) => { breaker.force(mode) } }),
  'a reset only ends a hold': (breaker) => ({ reset: () => { breaker.force(undefined) } }),
  'a cancelled call is taken for a success': (breaker) => ({
    settle: (permit, outcome) => breaker.settle(permit, outcome.kind === 'cancelled' ? { kind: 'success', durationMs: 0 } : outcome)
  }),
  'a rejection is one millisecond off': (breaker) => ({
    tryAcquire () {
      const answer = breaker.tryAcquire()
      return answer.granted ? answer : { ...answer, retryAfterMs: answer.retryAfterMs + 1 }
    }
  }),
  'Retry-After is ignored': (breaker) => ({
    settle: (permit, outcome) => breaker.settle(permit, outcome.kind === 'failure' ? { ...outcome, retryAfterMs: 0 } : outcome)
  })
}

t.test('control: a machine with one fault deviates', async (t) => {
  for (const [name, fault] of Object.entries(FAULTS)) {
    const { deviation } = await checkMachine({ steps: STEPS, seed: SEED }, machine((breaker) => ({ ...breaker, ...fault(breaker) })))
    t.match(deviation, /Counterexample/, name)
  }
})

const calls = (count: number, outcome: 'success' | 'failure'): Step => ({ do: 'calls', count, outcomes: [outcome], took: 0 })
const settle = (outcome: 'success' | 'failure' | 'cancelled'): Step => ({ do: 'settle', pick: 0, outcome, took: 0, retryAfter: 0 })
const ACQUIRE: Step = { do: 'acquire' }
const DUE: Step = { do: 'aim', off: 0 }
const pass = (ms: number): Step => ({ do: 'pass', ms })
const script = (...steps: Step[]): Script => ({ steps, sixteenths: [8, 8, 8, 8, 8, 8, 8, 8], settings: { base: 60_000, threshold: 5 } })

// A new one each time: it keeps the timers of its last run.
const KINDS: Array<() => SubjectKind> = [machine, opossum, cockatiel]
const CONTROLS = KINDS.slice(1)

t.test('the controls are set up well: on what everybody agrees about they agree with us', async (t) => {
  const SIMPLE: Record<string, Script> = {
    'good calls, and a few bad ones': script(calls(12, 'success'), calls(3, 'failure'), calls(5, 'success'), pass(20_000)),
    'failures open it, and it refuses until the probe is due': script(
      calls(10, 'failure'), ACQUIRE, pass(59_999), ACQUIRE, DUE, { do: 'heal' }, calls(3, 'success')),
    'a failed probe opens it again': script(calls(10, 'failure'), DUE, ACQUIRE, settle('failure'), ACQUIRE),
    'and another closes it': script(calls(10, 'failure'), DUE, ACQUIRE, settle('failure'), { do: 'aim', off: 1 }, { do: 'heal' }, ACQUIRE),
    'it opens a second time': script(calls(10, 'failure'), DUE, { do: 'heal' }, pass(120_000), calls(10, 'failure'), ACQUIRE)
  }
  for (const create of KINDS) {
    for (const [name, simple] of Object.entries(SIMPLE)) {
      const kind = create()
      await t.resolves(play(kind, simple), `${kind.name}: ${name}`)
    }
  }
})

t.test('the controls deviate', async (t) => {
  for (const create of CONTROLS) {
    const { name, runs, deviating, kinds } = await checkControl(create(), { runs: 60, seed: SEED })
    t.ok(deviating > runs / 10, `${name}: ${deviating} of ${runs} runs, ${kinds.size} kinds`)
  }
})

t.test('the controls deviate in the way they work', async (t) => {
  const open = [ACQUIRE, calls(10, 'failure'), DUE] as const
  const probing = [ACQUIRE, calls(10, 'failure'), { do: 'aim', off: 1 }, ACQUIRE] as const
  const cancelled = [calls(10, 'failure'), DUE, ACQUIRE, settle('cancelled')] as const
  const hung = [calls(10, 'failure'), DUE, ACQUIRE, pass(3_600_000), ACQUIRE] as const
  const WAYS: Array<[string, Script, (() => SubjectKind)[]]> = [
    ['a call begun before it opened fails while a probe is under way, and opens it again', script(...probing, settle('failure')), CONTROLS],
    ['one that succeeds closes it', script(...open, settle('success')), [opossum]],
    ['a probe that hangs blocks it for ever', script(...hung), CONTROLS],
    ['a probe that its caller cancelled closes it', script(...cancelled), CONTROLS],
    ['a wall clock set back keeps it open', script(calls(10, 'failure'), { do: 'wall', ms: -3_600_000 }, DUE, ACQUIRE), [cockatiel]]
  ]
  for (const [name, way, deviating] of WAYS) {
    await t.resolves(play(machine(), way), `we do not: ${name}`)
    for (const create of deviating) {
      const kind = create()
      await t.rejects(play(kind, way), { message: /the rules say/ }, `${kind.name}: ${name}`)
    }
  }
})

t.test('the price of a guarded call is measured', async (t) => {
  const nanoseconds = await measureGuardedCall({ calls: 1_000, rounds: 3 })
  t.ok(nanoseconds > 0 && Number.isFinite(nanoseconds))
})
