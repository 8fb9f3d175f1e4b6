// The throttle gate: nothing is sent while we are told to wait.
import t from 'tap'
import { createThrottleGate } from '../../src/core/throttle-gate.ts'

t.test('it is open, closes until the latest moment ever told, and opens by itself', async (t) => {
  let now = 1_000
  const gate = createThrottleGate({ monotonic: () => now })
  t.equal(gate.remainingMs(), 0)
  gate.close(6_000)
  t.equal(gate.remainingMs(), 5_000)
  gate.close(4_000)
  t.equal(gate.remainingMs(), 5_000, 'an earlier moment shortens nothing')
  gate.close(6_000.5)
  t.equal(gate.remainingMs(), 5_001, 'rounded up')
  now = 6_000.4
  t.equal(gate.remainingMs(), 1)
  now = 6_000.5
  t.equal(gate.remainingMs(), 0)
  now = 3_600_000
  gate.close(9_000)
  t.equal(gate.remainingMs(), 0, 'a moment that has passed')
})

t.test('what is no moment closes nothing', async (t) => {
  const gate = createThrottleGate({ monotonic: () => -5 })
  t.equal(gate.remainingMs(), 0)
  for (const until of [NaN, Infinity, -Infinity]) gate.close(until)
  t.equal(gate.remainingMs(), 0)
  gate.close(-4)
  t.equal(gate.remainingMs(), 1)
})
