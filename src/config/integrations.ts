// What the configuration can say of each integration without calling it, for the doctor.
import type { IntegrationFacts } from '../core/doctor-report.ts'
import type { Config, UpstreamName } from './config.ts'
import type { Origins } from './origins.ts'
import type { Setting } from './setting-kinds.ts'
import { settings } from './settings.ts'

interface Note {
  name: UpstreamName
  group: Setting['group']
  key: 'shopify' | 'bigquery' | 'github' | 'llm'
  /** Alone they make nothing; some without the others are a mistake. */
  needed: string[]
  /** The first of these that is set as a whole is in use; with none set, the first is the one to set. */
  credentials: string[][]
  address: string[]
  remedy: string
}

const NOTES: readonly Note[] = [
  {
    name: 'shopify_api',
    group: 'Shopify',
    key: 'shopify',
    needed: ['SHOP_NAME', 'SHOPIFY_ACCESS_TOKEN', 'SHOPIFY_API_KEY', 'SHOPIFY_API_SECRET'],
    credentials: [['SHOPIFY_ACCESS_TOKEN'], ['SHOPIFY_API_KEY', 'SHOPIFY_API_SECRET']],
    address: ['SHOP_NAME'],
    remedy: 'Install an app with Admin API access in the shop; put its access token into SHOPIFY_ACCESS_TOKEN, ' +
      'or its client id and secret into SHOPIFY_API_KEY and SHOPIFY_API_SECRET.'
  },
  {
    name: 'bigquery',
    group: 'BigQuery',
    key: 'bigquery',
    needed: ['BIGQUERY_PROJECT_ID', 'BIGQUERY_DATASET'],
    credentials: [['GOOGLE_APPLICATION_CREDENTIALS']],
    address: ['BIGQUERY_PROJECT_ID', 'BIGQUERY_DATASET'],
    remedy: 'Give a service account the roles BigQuery Data Editor and BigQuery Job User, make a key for it, ' +
      'and put the path of the key file into GOOGLE_APPLICATION_CREDENTIALS.'
  },
  {
    name: 'github_api',
    group: 'GitHub',
    key: 'github',
    needed: ['GITHUB_TOKEN'],
    credentials: [['GITHUB_TOKEN']],
    address: ['GITHUB_REPO_OWNER', 'GITHUB_REPO_NAME'],
    remedy: 'Make a fine-grained token for the repository that reads its contents, checks and pull requests and writes issues, and put it into GITHUB_TOKEN.'
  },
  {
    name: 'llm',
    group: 'Language model',
    key: 'llm',
    needed: ['OPENAI_API_KEY'],
    credentials: [['OPENAI_API_KEY']],
    address: ['OPENAI_BASE_URL', 'OPENAI_MODEL'],
    remedy: 'Put a key of the provider into OPENAI_API_KEY, or the URL of an OpenAI-compatible server into OPENAI_BASE_URL.'
  }
]

// Where another server may take the upstream's place, that variable decides as well.
const PLACES: Partial<Record<UpstreamName, string>> = { bigquery: 'BIGQUERY_API_ENDPOINT', github_api: 'GITHUB_API_URL' }

/** In the order of the readiness report. */
export const integrationFacts = (config: Config, origins: Origins): IntegrationFacts[] => NOTES.map(({ name, group, key, ...note }) => {
  const { configured, missing } = config[key]
  const place = PLACES[name]
  const address = place !== undefined && origins.has(place) ? [place, ...note.address] : note.address
  const credential = note.credentials.find((names) => names.every((one) => origins.has(one))) ?? note.credentials[0]!
  return {
    name,
    configured,
    missing,
    incomplete: !configured && note.needed.some((one) => origins.has(one)),
    settings: settings.filter(([setting, one]) => one.group === group && origins.has(setting)).map(([setting]) => ({ setting, ...origins.get(setting)! })),
    credential: said(credential, origins),
    address: said(address, origins),
    remedy: note.remedy
  }
})

/** By the variables that were really read: an owner who set SHOPIFY_STORE looks for that. */
const said = (names: string[], origins: Origins): string => {
  const variables = names.map((name) => origins.get(name)?.variable ?? name)
  return variables.length < 2 ? variables.join('') : `${variables.slice(0, -1).join(', ')} and ${variables.at(-1)!}`
}
