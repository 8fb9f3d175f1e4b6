// The doctor's report as the API shows it.
import { Type } from '@sinclair/typebox'
import { AnyJson, Nullable, OneOf, Time } from '../schemas.ts'

const Setting = Type.Object({
  setting: Type.String({ examples: ['SHOP_NAME'] }),
  variable: Type.String({ description: 'The variable that supplied it: its own name or an alias.', examples: ['SHOPIFY_STORE_URL'] }),
  value: Type.String({ description: 'Of a secret at most a public prefix and its length.', examples: ['shpat_… (38 characters)'] })
})

const LiveTest = Type.Object({
  passed: Type.Boolean(),
  code: Nullable(Type.String({ description: 'Why it failed, stable.', examples: ['upstream_timeout'] })),
  message: Type.String({ description: 'A sentence for people.' }),
  took_ms: Type.Integer(),
  details: AnyJson('Figures that the upstream gave.')
})

const Integration = Type.Object({
  name: Type.String({ examples: ['shopify_api'] }),
  label: Type.String({ examples: ['Shopify Admin API'] }),
  state: OneOf(['works', 'limited', 'broken', 'incomplete', 'not_configured'], {
    description: '`limited`: it works, and its credential lacks scopes that some agents need. `incomplete`: some of what it needs is set, and some is not.'
  }),
  source: Nullable(OneOf(['live', 'sandbox'])),
  host: Nullable(Type.String({ examples: ['my-shop.myshopify.com'] })),
  settings: Type.Array(Setting),
  missing_settings: Type.Array(Type.String({ examples: ['SHOPIFY_ACCESS_TOKEN'] })),
  live_test: Nullable(LiveTest),
  missing_scopes: Type.Array(Type.String({ examples: ['write_orders'] })),
  credential: OneOf(['unknown', 'accepted', 'rejected'], { description: 'What the upstream last said of it.' }),
  circuit_breaker: OneOf(['closed', 'open', 'half_open', 'forced_closed', 'forced_open']),
  fix: Nullable(Type.String({ description: 'What to do, with the names of the variables; null when nothing is to be done.' }))
})

export const Report = Type.Object({
  ok: Type.Boolean({ description: 'Whatever is configured works.' }),
  timestamp: Time('When the examination ended.'),
  service: Type.String(),
  version: Type.String(),
  profile: OneOf(['development', 'testing', 'production']),
  node: Type.String({ examples: ['24.21.0'] }),
  sandbox: Type.Object({ mode: OneOf(['auto', 'all', 'off']), upstreams: Type.Array(Type.String()) }),
  warnings: Type.Array(Type.String()),
  store: Type.Object({ engine: Type.String(), path: Type.String(), writable: Nullable(Type.Boolean()), message: Type.String() }),
  integrations: Type.Array(Integration)
})
