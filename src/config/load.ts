// From the environment to the configuration: profiles, aliases, defaults, and every fault at once.
import { readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { Ajv } from 'ajv'
import ajvFormats from 'ajv-formats'
import { toConfig, type Config } from './config.ts'
import { formats } from './formats.ts'
import { originsOf, type Origins } from './origins.ts'
import { ANNOTATIONS, PROFILES, type Setting } from './setting-kinds.ts'
import { allowedValues, Environment, settings, type Values } from './settings.ts'

type Variables = Readonly<Record<string, string | undefined>>

/** The environment cannot be used. The message lists every fault, one a line; values are never shown. */
export class ConfigError extends Error {
  readonly faults: readonly string[]

  constructor (faults: readonly string[]) {
    super(['The configuration is not valid:', ...faults.map((fault) => `- ${fault}`)].join('\n'))
    this.name = 'ConfigError'
    this.faults = faults
  }
}

export interface Loaded {
  config: Config
  /** Sentences for the log; they hold no values. */
  warnings: string[]
  origins: Origins
}

/** Reads the configuration from variables such as process.env; an empty one counts as unset. Throws ConfigError. */
export function loadConfig (variables: Variables): Loaded {
  const warnings: string[] = []
  const given = new Map<string, Given>()
  for (const [name, setting] of settings) {
    const found = lookUp(variables, name, setting, warnings)
    if (found !== undefined) given.set(name, found)
  }
  if (given.get('COMMAND_CENTER_URL')?.value === '/docs') {
    given.delete('COMMAND_CENTER_URL')
    warnings.push('COMMAND_CENTER_URL is /docs, as old deployment files have it: treated as unset.')
  }
  if (/^sqlite\b/i.test(String(given.get('DATABASE_URL')?.value))) {
    given.delete('DATABASE_URL')
    warnings.push('DATABASE_URL names an SQLite file, as old deployment files do: the embedded store in DATA_DIR is used.')
  }
  const config = toConfig(validate(given))
  for (const [name, { unused }] of settings) {
    if (unused !== undefined && given.has(name)) warnings.push(`${name} is set, but this version does not use it: ${unused}.`)
  }
  if (config.access.mode === 'off' && config.profile !== 'testing') {
    warnings.push('AUTH is off: whoever reaches the port may do everything, and decisions carry the names that callers give themselves.')
  }
  if (config.access.oidc.missing.length === 1) warnings.push(`${config.access.oidc.missing[0]} is not set: no tokens are taken, keys alone.`)
  for (const variable of overruled(config, given)) warnings.push(`SANDBOX is all: ${variable} is set, but a stand-in takes the place of what it configures.`)
  return { config, warnings, origins: originsOf(given) }
}

/** One variable of each upstream that is configured and that the sandbox stands in for all the same. */
function overruled ({ sandbox, shopify, llm, bigquery, github }: Config, given: ReadonlyMap<string, Given>): string[] {
  if (sandbox.mode !== 'all') return []
  const first = (...names: string[]): string => names.map((name) => given.get(name)?.variable).find((variable) => variable !== undefined) ?? ''
  return [
    ...(shopify.configured ? [first('SHOP_NAME')] : []),
    ...(llm.configured ? [first('OPENAI_API_KEY', 'OPENAI_BASE_URL')] : []),
    ...(bigquery.configured ? [first('BIGQUERY_PROJECT_ID')] : []),
    ...(github.configured ? [first('GITHUB_TOKEN')] : [])
  ]
}

/** The variables of a .env file; none if there is no such file. Other errors of the file system are thrown. */
export function readDotenv (path: string): Record<string, string | undefined> {
  try {
    return parseEnv(readFileSync(path, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

/** A value and the variable that it came from, which is the one to blame. */
interface Given {
  variable: string
  value: unknown
}

function lookUp (variables: Variables, name: string, setting: Setting, warnings: string[]): Given | undefined {
  const all = [name, ...setting.aliases ?? []].flatMap((variable) => {
    const text = variables[variable]?.trim() ?? ''
    return text === '' ? [] : [{ variable, value: parse(text, setting) }]
  })
  const [first, ...others] = all
  const differing = others.filter(({ value }) => value !== first?.value).map(({ variable }) => variable)
  if (first !== undefined && differing.length > 0) {
    warnings.push(`${first.variable} and ${differing.join(', ')} differ: ${first.variable} is used.`)
  }
  return first
}

const FLAGS = new Map([
  ...['true', '1', 'yes', 'on'].map((word) => [word, true] as const),
  ...['false', '0', 'no', 'off'].map((word) => [word, false] as const)
])

// What cannot be read stays text, and the schema then refuses it together with all other faults.
function parse (text: string, setting: Setting): unknown {
  if (setting.type === 'boolean') return FLAGS.get(text.toLowerCase()) ?? text
  if (setting.type === 'integer') return /^-?\d+$/.test(text) ? Number(text) : text
  if (setting.type === 'number') return /^\d+(\.\d+)?$/.test(text) ? Number(text) : text
  if (setting.type === 'array') {
    const items = text.split(',').map((item) => item.trim()).filter((item) => item !== '')
    return [...new Set(items.map((item) => normalise(item, setting.items?.format)))]
  }
  if (setting.enum !== undefined) return setting.synonyms?.[text.toLowerCase()] ?? text.toLowerCase()
  return normalise(text, setting.format)
}

function normalise (text: string, format: Setting['format']): string {
  if (format === undefined || format === 'uri') return text
  return formats[format].normalise?.(text) ?? text
}

const uriFormat = ajvFormats.default.get('uri') as (text: string) => boolean

/** Of http also what can be called: a port that does not exist came up only when the URL was used, in an error that quotes it whole. */
const isUri = (text: string): boolean => uriFormat(text) && (!/^https?:/i.test(text) || URL.canParse(text))

const AJV_OPTIONS = {
  allErrors: true,
  useDefaults: true,
  // The texts are parsed here; Ajv's own coercion would take 0x10 and 1e3 for numbers.
  coerceTypes: false,
  // The schema is ours and tested: checking it against the schema of schemas took 14 of the 40 ms of the first load.
  meta: false,
  validateSchema: false,
  keywords: [...ANNOTATIONS],
  formats: {
    uri: isUri,
    ...Object.fromEntries(Object.entries(formats).map(([name, { valid }]) => [name, valid]))
  }
}

function validate (given: ReadonlyMap<string, Given>): Values {
  const profile = PROFILES.find((name) => name === given.get('NODE_ENV')?.value) ?? 'development'
  const data: Record<string, unknown> = {}
  for (const [name, { byProfile }] of settings) {
    const value = given.get(name)?.value ?? byProfile?.[profile]
    if (value !== undefined) data[name] = value
  }
  const check = new Ajv(AJV_OPTIONS).compile<Values>(Environment)
  const fits = check(data)
  const wrong = new Set(fits ? [] : check.errors?.map(({ instancePath }) => instancePath.split('/')[1]))
  const faults = settings.filter(([name]) => wrong.has(name)).map(([name, setting]) =>
    `${given.get(name)?.variable ?? name} must be ${allowedValues(setting)}`)
  const role = data['ROLE']
  if ((role === 'api' || role === 'worker') && data['DATABASE_URL'] === undefined) {
    faults.push(`ROLE ${role} needs DATABASE_URL: the embedded store belongs to one process`)
  }
  if (role === 'worker' && data['BACKGROUND_WORK'] === false) faults.push('ROLE worker with BACKGROUND_WORK off would do nothing: set one of them')
  if (profile === 'production' && data['SANDBOX'] !== 'off' && !wrong.has('SANDBOX')) faults.push(SANDBOX_FAULT)
  if (fits && faults.length === 0) return data
  throw new ConfigError(faults)
}

const SANDBOX_FAULT = 'SANDBOX must be off or unset in production: the stand-in upstreams with their generated shop never run there'
