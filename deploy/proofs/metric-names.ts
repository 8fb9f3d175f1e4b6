// The names of metrics in PromQL, in the alert rules and the dashboard.
import { documentsOf } from './workloads.ts'

const WORDS = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right', 'and', 'or', 'unless', 'offset', 'bool', 'inf', 'nan'])
// Made by Prometheus itself.
const BUILT_IN = new Set(['up', 'ALERTS'])

/** Every name in an expression that is no function, keyword, label, string or duration. */
export const metricNames = (expression: string): string[] => {
  const bare = expression
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, '')
  return [...bare.matchAll(/(?<![\w:.])[a-zA-Z_:][\w:]*(?!\w*\s*\()/g)].map(([name]) => name).filter((name) => !WORDS.has(name) && !BUILT_IN.has(name))
}

export interface Rule { alert: string, expr: string, annotations: { summary: string, runbook: string } }

export const rulesOf = (text: string): Rule[] => (documentsOf(text)[0] as { groups: Array<{ rules: Rule[] }> }).groups.flatMap(({ rules }) => rules)

/** The expressions of a Grafana dashboard: each `expr`, wherever it stands. */
export const expressionsOf = (value: unknown): string[] => typeof value !== 'object' || value === null
  ? []
  : Object.entries(value).flatMap(([key, inner]) => key === 'expr' && typeof inner === 'string' ? [inner] : expressionsOf(inner))

/** The names of the exposition text: also those under which a histogram's series go. */
export const exposedNames = (exposition: string): Set<string> => {
  const names = new Set<string>()
  for (const [, name, type] of exposition.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    names.add(name!)
    if (type === 'histogram' || type === 'summary') for (const suffix of ['bucket', 'sum', 'count']) names.add(`${name}_${suffix}`)
  }
  return names
}
