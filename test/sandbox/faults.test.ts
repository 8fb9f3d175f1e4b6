// A short piece of `npm run check:faults`: what it looks for is found in a server whose breaker is held closed, and in no other.
import t from 'tap'
import { startSandbox } from '../../sandbox/index.ts'
import { silentLogger } from '../../src/core/log.ts'
import { casesOf } from '../campaigns/faults/cases.ts'
import { runCase, type CaseOptions } from '../campaigns/faults/run-case.ts'

t.test('a fault costs at most ten calls, then probes; nothing else notices', async (t) => {
  const sandbox = await startSandbox({ upstreams: ['github_api'], log: silentLogger })
  t.teardown(() => sandbox.close())
  const run = (dependency: CaseOptions['dependency'], fault: string, breakerDisabled = false) => runCase({
    sandbox,
    dependency,
    faultCase: casesOf(dependency).find(({ name }) => name === fault)!,
    pairs: 1,
    mostPairs: 1,
    sliceMs: 1_000,
    warmUpMs: 0,
    judgeFigures: false,
    breakerDisabled
  })
  const reset = await run('github_api', 'reset')
  t.same(reset.findings, [])
  t.ok(reset.callsToOpen! >= 5 && reset.callsToOpen! <= 10, `${reset.callsToOpen} calls`)
  const control = await run('github_api', '500', true)
  t.same(control.findings, ['the breaker never opened'], 'held closed, it is found out')
})
