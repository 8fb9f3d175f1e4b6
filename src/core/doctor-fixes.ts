// What to do about an integration that does not work, in one or two sentences with the names of the variables.
import type { BreakerState } from './breaker.ts'
import type { CredentialState } from './breaker-registry.ts'
import type { IntegrationFacts, IntegrationState } from './doctor-report.ts'
import type { Finding } from './probes.ts'
import type { Upstream } from './upstream.ts'

interface Case {
  facts: IntegrationFacts
  label: string
  state: IntegrationState
  upstream: Upstream | undefined
  finding: Finding | undefined
  credential: CredentialState
  circuit: BreakerState
  missingScopes: string[]
}

/** Null when nothing is to be done. */
export const fixOf = (found: Case): string | null => {
  const { facts, state, finding, credential, upstream } = found
  if (state === 'works') return finding?.kind === 'passed' ? finding.result.advice ?? null : null
  if (state === 'not_configured') return `Optional. To use it, set ${listed(facts.missing)}. ${facts.remedy}`
  if (state === 'incomplete') return `Set ${listed(facts.missing)} as well. ${facts.remedy}`
  if (state === 'limited') {
    return `Grant ${listed(found.missingScopes)} to the credential in ${facts.credential}: until then, the agents that need it cannot do that work.`
  }
  if (upstream?.source === 'sandbox') return 'This is the sandbox: look into the log, and start the service again. SANDBOX=off does without it.'
  if (credential === 'rejected') return rejected(found)
  return finding === undefined ? null : fixOfFault(found, finding)
}

/** What was never set cannot have been rejected. */
const rejected = ({ facts, label }: Case): string => {
  const isSet = facts.settings.some(({ variable }) => facts.credential.split(' ').includes(variable))
  return `${isSet ? `${label} does not accept ${facts.credential}.` : `${label} needs ${facts.credential}, which is not set.`} ${facts.remedy}`
}

const fixOfFault = (found: Case, finding: Finding): string | null => {
  const { facts, label, circuit, upstream } = found
  if (finding.kind === 'passed') return null
  const host = upstream?.host ?? label
  const { code } = finding.fault
  if (finding.kind === 'not_sent') {
    if (circuit === 'forced_open') {
      return `Its circuit breaker is held open by hand. To end that: POST /circuit-breakers/${facts.name} with {"action":"reset"}.`
    }
    const wait = finding.retryAfterMs > 0 ? `in ${Math.ceil(finding.retryAfterMs / 1000)} s` : 'in a moment'
    return `Nothing was sent to spare ${label}; calls are tried again ${wait} by themselves. Ask the doctor again then.`
  }
  if (/credentials?_(rejected|invalid)$|key_rejected$/.test(code)) return rejected(found)
  if (code.endsWith('access_denied')) return `The credential in ${facts.credential} lacks a right. ${finding.fault.message} ${facts.remedy}`
  if (code.endsWith('not_found')) return `Check ${facts.address}, and that the credential in ${facts.credential} may see what they name.`
  switch (code) {
    case 'upstream_unreachable': case 'model_unreachable': case 'shop_unavailable':
      return `${host} cannot be reached from this machine: check ${facts.address}, its name service, firewall and proxy.`
    case 'upstream_timeout': case 'model_timeout':
      return `${host} accepts or ignores the call without answering in time: check ${facts.address}, and whether a firewall swallows the connection.`
    case 'upstream_forbidden_host':
      return `${host} leads to an address that is not called, such as a private one: check ${facts.address}.`
    case 'upstream_redirected': case 'upstream_answer_invalid': case 'upstream_answer_too_large': case 'shop_answer_invalid': case 'model_refused':
      return `What answers at ${host} is not what was expected of ${label}: check ${facts.address}.`
    case 'upstream_status': case 'model_failed':
      return `${host} answers with an error of its own: look at its status page, and check ${facts.address} if it lasts.`
    default:
      return `See the message, and the log for more. What is called is set by ${facts.address}, the credential by ${facts.credential}.`
  }
}

const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)!}`
