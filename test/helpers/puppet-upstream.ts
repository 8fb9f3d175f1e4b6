// An upstream that answers as the test says, behind a real circuit breaker.
import type { BreakerRegistry, Verdict } from '../../src/core/breaker-registry.ts'
import type { ProbeResult, Source, Upstream } from '../../src/core/upstream.ts'

export class UpstreamDown extends Error {
  readonly code = 'upstream_unreachable'
}

type Answer = ProbeResult | Error | { verdict: Verdict, error: Error }

export interface PuppetUpstream extends Upstream {
  /** Calls that went out. */
  calls: number
  /** What the next calls get; an error is a failure for the breaker unless a verdict comes with it. */
  answer: Answer | ((signal: AbortSignal) => Promise<Answer>)
  /** A call of somebody else than a probe. */
  call (): Promise<unknown>
}

export const well = (more: Partial<ProbeResult> = {}): ProbeResult => ({ message: 'It answers.', missing_scopes: [], details: {}, ...more })

/** `breakers` is asked for with each call: an app makes its own. */
export const puppetUpstream = (name: string, breakers: () => BreakerRegistry, source: Source = 'live'): PuppetUpstream => {
  const puppet: PuppetUpstream = {
    name,
    source,
    host: `${name.replace('_', '-')}.example`,
    calls: 0,
    answer: well(),
    probe: (signal) => breakers().call(name, () => reached(puppet, signal), { signal, classify }),
    call: () => breakers().call(name, () => reached(puppet, new AbortController().signal), { classify })
  }
  return puppet
}

const reached = async (puppet: PuppetUpstream, signal: AbortSignal): Promise<ProbeResult> => {
  puppet.calls += 1
  const answer = typeof puppet.answer === 'function' ? await puppet.answer(signal) : puppet.answer
  if (answer instanceof Error) throw answer
  if ('verdict' in answer) throw Object.assign(answer.error, { verdict: answer.verdict })
  return answer
}

const classify = (result: { ok: true } | { ok: false, error: unknown }): Verdict => {
  if (result.ok) return { kind: 'success', credential: 'accepted' }
  const { verdict, code, message } = result.error as { verdict?: Verdict, code: string, message: string }
  return verdict ?? { kind: 'failure', error: { code, message } }
}
