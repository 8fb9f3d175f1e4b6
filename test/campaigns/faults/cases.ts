// Every fault, and what has to become of it.
import type { Dependency } from './messages.ts'

export interface FaultCase {
  name: string
  /** What is posted to the sandbox; undefined where the address itself is the fault. */
  fault: Record<string, unknown> | undefined
  address?: 'wrong_host' | 'no_such_name'
  /**
   * `opens`: the breaker opens and only probes go out. `waits`: the gate closes and nothing is sent for as long as the answer said.
   * `refuses`: the call fails, and nobody goes where the answer points; the breaker may open.
   */
  expect: 'opens' | 'waits' | 'refuses'
  /** The deadline has to end the call: several wait for it at once. */
  hangs?: true
}

const WAIT_S = 2

const CASES: FaultCase[] = [
  { name: 'latency 30 s', fault: { kind: 'latency', ms: 30_000 }, expect: 'opens', hangs: true },
  { name: '429, seconds', fault: { kind: 'too_many_requests', seconds: WAIT_S }, expect: 'waits' },
  { name: '429, date', fault: { kind: 'too_many_requests', seconds: WAIT_S, retry_after: 'date' }, expect: 'waits' },
  { name: '429, garbage', fault: { kind: 'too_many_requests', retry_after: 'garbage' }, expect: 'waits' },
  { name: '500', fault: { kind: 'status', status: 500 }, expect: 'opens' },
  { name: 'reset', fault: { kind: 'reset' }, expect: 'opens' },
  { name: 'silent', fault: { kind: 'silent' }, expect: 'opens', hangs: true },
  { name: 'garbage, JSON', fault: { kind: 'garbage', form: 'json' }, expect: 'opens' },
  { name: 'garbage, bytes', fault: { kind: 'garbage', form: 'bytes' }, expect: 'opens' },
  { name: 'garbage, HTML', fault: { kind: 'garbage', form: 'html' }, expect: 'opens' },
  { name: 'truncated', fault: { kind: 'truncated' }, expect: 'opens' },
  { name: 'truncated chunks', fault: { kind: 'truncated', form: 'chunked', after_bytes: 20 }, expect: 'opens' },
  { name: 'drip', fault: { kind: 'drip', ms: 500 }, expect: 'opens', hangs: true },
  { name: '130 MB', fault: { kind: 'flood', megabytes: 130 }, expect: 'opens' },
  { name: 'redirect elsewhere', fault: { kind: 'redirect' }, expect: 'refuses' },
  { name: 'TLS, wrong host', fault: undefined, address: 'wrong_host', expect: 'opens' },
  { name: 'DNS failure', fault: undefined, address: 'no_such_name', expect: 'opens' }
]

const THROTTLED: FaultCase = { name: 'THROTTLED', fault: { kind: 'throttled', wait_ms: WAIT_S * 1_000 }, expect: 'waits' }

export const casesOf = (dependency: Dependency): FaultCase[] => dependency === 'shopify_api' ? [...CASES, THROTTLED] : CASES

export const DEPENDENCIES: readonly Dependency[] = ['shopify_api', 'github_api', 'bigquery', 'llm']
