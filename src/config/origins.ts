// Where each setting came from, in a form that may be shown: the variable that supplied it, and its value with secrets masked.
import { settings } from './settings.ts'

export interface Origin {
  /** The variable that was read: the setting's own name or an alias. */
  variable: string
  /** The value as people may see it: of a secret at most a public prefix, and its length. */
  shown: string
}

/** By setting; those that nobody set are not in it. */
export type Origins = ReadonlyMap<string, Origin>

export const originsOf = (given: ReadonlyMap<string, { variable: string, value: unknown }>): Origins =>
  new Map(settings.flatMap(([name, setting]) => {
    const found = given.get(name)
    if (found === undefined) return []
    return [[name, { variable: found.variable, shown: setting.secret === true ? mask(String(found.value)) : withoutPassword(String(found.value)) }]]
  }))

// The kinds of token that their makers mark. They say what a secret is, and nothing of it.
const PUBLIC_PREFIXES = [
  'shpat_', 'shpca_', 'shppa_', 'shpss_', 'shptka_', 'github_pat_', 'ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_', 'sk-proj-', 'sk-svcacct-', 'sk-ant-', 'sk-'
]

/** `shpat_… (38 characters)`, or `(24 characters)`. */
const mask = (secret: string): string => {
  const prefix = PUBLIC_PREFIXES.find((one) => secret.startsWith(one) && secret.length > one.length)
  return `${prefix === undefined ? '' : `${prefix}… `}(${secret.length} ${secret.length === 1 ? 'character' : 'characters'})`
}

/** A URL that is no secret as a whole may still carry one: OPENAI_BASE_URL=https://user:password@host/v1?key=... */
const withoutPassword = (text: string): string =>
  /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text.replace(/\/\/[^/?#]*@/, '//***@').replace(/[?#].*$/s, '?***') : text
