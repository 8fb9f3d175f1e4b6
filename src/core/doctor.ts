// The doctor: asks every upstream afresh and says of each whether it works, where its settings came from, and what to do.
import type { BreakerRegistry, CredentialState, Dependency } from './breaker-registry.ts'
import type { Clock } from './clock.ts'
import { fixOf } from './doctor-fixes.ts'
import type { DoctorReport, IntegrationFacts, IntegrationReport, IntegrationState, StoreReport } from './doctor-report.ts'
import type { Finding, Probes } from './probes.ts'

export interface DoctorOptions {
  about: Pick<DoctorReport, 'service' | 'version' | 'profile' | 'node' | 'sandbox' | 'warnings'>
  /** In the order of the report. */
  integrations: readonly IntegrationFacts[]
  breakers: Pick<BreakerRegistry, 'get'>
  probes: Pick<Probes, 'ask' | 'standing'>
  store: () => Promise<StoreReport>
  clock: Pick<Clock, 'now'>
}

export interface Doctor {
  /** Who asks while an examination is under way gets what comes of it: the upstreams are called once. */
  examine (): Promise<DoctorReport>
}

export const createDoctor = (options: DoctorOptions): Doctor => {
  let underWay: Promise<DoctorReport> | undefined
  return {
    examine () {
      underWay ??= examine(options).finally(() => { underWay = undefined })
      return underWay
    }
  }
}

const examine = async ({ about, integrations, breakers, probes, store, clock }: DoctorOptions): Promise<DoctorReport> => {
  const [storeReport, ...reports] = await Promise.all([
    store(),
    ...integrations.map((facts) => examineIntegration(facts, breakers.get(facts.name), probes, () => breakers.get(facts.name)))
  ])
  const ok = storeReport.writable !== false && reports.every(({ state }) => state !== 'broken' && state !== 'incomplete')
  return { ok, at: clock.now(), ...about, store: storeReport, integrations: reports }
}

const examineIntegration = async (
  facts: IntegrationFacts, { label }: Dependency, probes: DoctorOptions['probes'], after: () => Dependency
): Promise<IntegrationReport> => {
  const upstream = probes.standing(facts.name)?.upstream
  const record = upstream === undefined ? undefined : await probes.ask(facts.name)
  // Read after the probe: it is what decides about both.
  const { credential, breaker } = after()
  const circuit = breaker.state()
  const missingScopes = record?.finding.kind === 'passed' ? record.finding.result.missing_scopes : []
  const state = stateOf(facts, record?.finding, credential, missingScopes)
  return {
    name: facts.name,
    label,
    state,
    source: upstream?.source ?? null,
    host: upstream?.host ?? null,
    settings: facts.settings.map(({ setting, variable, shown }) => ({ setting, variable, value: shown })),
    missing_settings: [...facts.missing],
    live_test: record === undefined ? null : { ...testOf(record.finding), took_ms: Math.round(record.tookMs) },
    missing_scopes: missingScopes,
    credential,
    circuit_breaker: circuit,
    fix: fixOf({ facts, label, state, upstream, finding: record?.finding, credential, circuit, missingScopes })
  }
}

const stateOf = (facts: IntegrationFacts, finding: Finding | undefined, credential: CredentialState, missingScopes: string[]): IntegrationState => {
  if (finding !== undefined && (finding.kind !== 'passed' || credential === 'rejected')) return 'broken'
  // Also where a sandbox stands in: whoever set one half meant the real one.
  if (facts.incomplete) return 'incomplete'
  if (finding === undefined) return facts.configured ? 'broken' : 'not_configured'
  return missingScopes.length > 0 ? 'limited' : 'works'
}

const testOf = (finding: Finding): Omit<NonNullable<IntegrationReport['live_test']>, 'took_ms'> =>
  finding.kind === 'passed'
    ? { passed: true, code: null, message: finding.result.message, details: finding.result.details }
    : { passed: false, ...finding.fault, details: {} }
