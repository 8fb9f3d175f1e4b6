// The doctor's report as a table for people.
import type { DoctorReport, IntegrationReport } from './doctor-report.ts'

const STATES: Record<IntegrationReport['state'], string> = {
  works: 'works', limited: 'works in part', broken: 'DOES NOT WORK', incomplete: 'INCOMPLETE', not_configured: 'not configured'
}

/** Lines of text that end with a line feed. */
export const renderDoctor = (report: DoctorReport): string => [
  `${report.service} ${report.version}, profile ${report.profile}, Node ${report.node}`,
  `Store: ${report.store.engine} at ${report.store.path}${report.store.writable === false ? ', NOT USABLE' : ''}: ${report.store.message}`,
  `Sandbox: ${report.sandbox.mode}${report.sandbox.upstreams.length === 0 ? '' : `, stands in for ${report.sandbox.upstreams.join(', ')}`}`,
  ...report.warnings.map((warning) => `Warning: ${warning}`),
  '',
  ...table([
    ['INTEGRATION', 'STATE', 'SOURCE', 'BREAKER', 'CREDENTIAL', 'LIVE TEST'],
    ...report.integrations.map((one) => [
      one.label, STATES[one.state], one.source ?? '-', one.circuit_breaker.replace('_', ' '), one.credential, testOf(one)
    ])
  ]),
  ...report.integrations.flatMap(detail),
  '',
  report.ok ? 'Whatever is configured works.' : 'Something that is configured does not work: see above.',
  ''
].join('\n')

const testOf = ({ live_test: test }: IntegrationReport): string =>
  test === null ? 'none' : `${test.passed ? 'passed' : 'failed'} in ${test.took_ms} ms`

const detail = (one: IntegrationReport): string[] => [
  '',
  `${one.label}${one.host === null ? '' : ` at ${one.host}`}`,
  ...table(one.settings.map(({ setting, variable, value }) => [setting, variable === setting ? '' : `from ${variable}`, value])).map((line) => `  ${line}`),
  ...(one.live_test === null ? [] : [`  ${one.live_test.message}`]),
  ...(one.missing_scopes.length === 0 ? [] : [`  Missing scopes: ${one.missing_scopes.join(', ')}`]),
  ...(one.fix === null ? [] : [`  To do: ${one.fix}`])
]

/** Columns as wide as their widest cell. */
const table = (rows: string[][]): string[] => {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd())
}
