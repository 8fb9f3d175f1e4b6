// Who may do what: the roles, and one table that says what each route needs. docs/access.md is made from it, and a route without an entry stops the start.

/** Each may do all that those before it may. */
export const ACCESS_ROLES = ['viewer', 'operator', 'approver', 'admin'] as const
export type AccessRole = typeof ACCESS_ROLES[number]

/** What scopes are made of: the tags of the API document. */
export const AREAS = [
  'sessions', 'agents', 'jobs', 'proposals', 'effects', 'policies', 'freeze', 'events', 'schedules', 'feeds', 'health', 'core', 'keys', 'webhooks', 'privacy'
] as const
export type Area = typeof AREAS[number]

export const ROLE_TEXTS: Readonly<Record<AccessRole, string>> = {
  viewer: 'reads',
  operator: 'talks to the assistant, runs agents, reports events, makes schedules, hands lists in, freezes',
  approver: 'decides on proposals, undoes effects, lifts freezes',
  admin: 'changes the policy and how far agents may go, holds circuit breakers, makes and revokes keys, sees the sessions of all'
}

/** Who sends a request, once it is known. */
export interface Caller {
  /** Of the key, or of the subject of a token: `key:…`, `oidc:…`. What belongs to a caller belongs to this. */
  id: string
  /** Goes into the records as the one who decides. Two callers of one name count as one person. */
  name: string
  role: AccessRole
  /** Null: everything that the role may do. */
  scopes: readonly Area[] | null
  /** Milliseconds since the epoch; null: never. */
  expires_at: number | null
}

/** `optional`: nobody is asked for a credential, but one that is sent has to be right. `off`: none is looked at. */
export type AccessMode = 'required' | 'optional' | 'off'

/** Who a token of somebody else's making stands for. @throws AppError `credential_invalid`, `forbidden`, `identity_unavailable` */
export type TokenVerifier = (token: string) => Promise<Caller>

export interface AccessEntry {
  /** `open`: no credential is asked for, nor looked at. */
  need: 'open' | AccessRole
  /** Null: whatever the scopes of a credential are. */
  area: Area | null
  /** Fields of the body that need more than the route. */
  fields?: Readonly<Record<string, AccessRole>>
  note?: string
}

const open = (area: Area, note?: string): AccessEntry => ({ need: 'open', area, ...note === undefined ? {} : { note } })
const viewer = (area: Area | null, note?: string): AccessEntry => ({ need: 'viewer', area, ...note === undefined ? {} : { note } })
const operator = (area: Area, note?: string): AccessEntry => ({ need: 'operator', area, ...note === undefined ? {} : { note } })
const approver = (area: Area): AccessEntry => ({ need: 'approver', area })
const admin = (area: Area, note?: string): AccessEntry => ({ need: 'admin', area, ...note === undefined ? {} : { note } })

const OWN = 'Only one\'s own; admin: all.'
const SIGNED = 'Signed by the sender over its body.'

/** By method and pattern; HEAD is judged as GET. */
export const ACCESS: Readonly<Record<string, AccessEntry>> = {
  'GET /healthz': open('health'),
  'GET /health': open('health'),
  'GET /readyz': open('health'),
  'GET /': open('core', 'The page holds nothing: it asks for everything with the key that is entered there.'),
  'GET /assets/:file': open('core'),
  'GET /favicon.ico': open('core'),
  'GET /docs': open('core'),
  'GET /docs/json': open('core'),
  'GET /docs/static/*': open('core'),
  'GET /command-center': open('core'),
  'GET /control-center': open('core'),
  'GET /dashboard': open('core'),
  'POST /webhooks/shopify': open('events', SIGNED),
  'POST /webhooks/github': open('events', SIGNED),

  'GET /metrics': viewer('core', 'Open with METRICS_OPEN.'),
  'GET /whoami': viewer(null),
  'GET /export': admin('core', 'Everything that is stored, the sessions of all among it.'),
  'GET /stream': viewer('core', 'It names jobs and sessions of all by their ids.'),

  'POST /agents/session': operator('sessions'),
  'GET /agents/sessions': viewer('sessions', OWN),
  'GET /agents/session/:session_id': viewer('sessions', OWN),
  'GET /agents/session/:session_id/messages': viewer('sessions', OWN),
  'GET /agents/session/:session_id/export': viewer('sessions', OWN),
  'POST /agents/session/:session_id/cancel': operator('sessions', OWN),
  'DELETE /agents/session/:session_id': operator('sessions', OWN),
  'POST /agents/message': operator('sessions', OWN),
  'GET /agents/stream': viewer('sessions', OWN),

  'GET /agents': viewer('agents'),
  'GET /agents/:name': viewer('agents'),
  'POST /agents/:name/run': operator('agents'),
  'PATCH /agents/:name': { need: 'operator', area: 'agents', fields: { autonomy: 'admin' } },
  'GET /brief': viewer('agents'),
  'GET /history': viewer('agents'),

  'GET /jobs': viewer('jobs', 'Replies only of one\'s own sessions; admin: all.'),
  'GET /jobs/:id': viewer('jobs', 'Replies only of one\'s own sessions; admin: all.'),
  'GET /jobs/:id/output': viewer('jobs', 'Replies only of one\'s own sessions; admin: all.'),
  'POST /jobs/:id/cancel': operator('jobs', 'Replies only of one\'s own sessions; admin: all.'),
  'POST /jobs/:id/retry': operator('jobs', 'Replies only of one\'s own sessions; admin: all.'),

  'POST /events': operator('events'),
  'GET /events/:id': viewer('events'),

  'GET /schedules': viewer('schedules'),
  'POST /schedules': operator('schedules'),
  'GET /schedules/:id': viewer('schedules'),
  'GET /schedules/:id/runs': viewer('schedules'),
  'PATCH /schedules/:id': operator('schedules'),
  'POST /schedules/:id/run': operator('schedules'),
  'DELETE /schedules/:id': operator('schedules'),

  'GET /proposals': viewer('proposals'),
  'GET /proposals/:id': viewer('proposals'),
  'POST /proposals/:id/approve': approver('proposals'),
  'POST /proposals/:id/reject': approver('proposals'),

  'GET /effects': viewer('effects'),
  'GET /effects/verify': viewer('effects'),
  'GET /effects/:id': viewer('effects'),
  'POST /effects/:id/revert': approver('effects'),
  'POST /jobs/:id/revert': approver('effects'),

  'GET /policies': viewer('policies'),
  'GET /policies/history': viewer('policies'),
  'POST /policies/evaluate': operator('policies', 'Changes nothing, but asks the shop.'),
  'PUT /policies': admin('policies'),

  'GET /freeze': viewer('freeze'),
  'POST /freeze': operator('freeze', 'Stopping is for everybody who works here; going on is not.'),
  'POST /freeze/:id/lift': approver('freeze'),

  'GET /feeds': viewer('feeds'),
  'GET /feeds/:name': viewer('feeds'),
  'PUT /feeds/:name': operator('feeds'),
  'DELETE /feeds/:name': operator('feeds'),

  'GET /circuit-breakers': viewer('health'),
  'GET /circuit-breakers/:name': viewer('health'),
  'POST /circuit-breakers/:name': admin('health'),
  'GET /audit': viewer('health'),
  'GET /doctor': admin('health', 'Where no key is needed: callers on the machine itself, see docs/configuration.md.'),

  'GET /webhooks/endpoints': operator('webhooks', 'An address may hold a key of its receiver.'),
  'POST /webhooks/endpoints': admin('webhooks'),
  'GET /webhooks/endpoints/:id': operator('webhooks'),
  'PATCH /webhooks/endpoints/:id': admin('webhooks'),
  'DELETE /webhooks/endpoints/:id': admin('webhooks'),
  'POST /webhooks/endpoints/:id/ping': admin('webhooks'),
  'GET /webhooks/endpoints/:id/deliveries': operator('webhooks'),
  'POST /webhooks/endpoints/:id/deliveries/:delivery_id/replay': admin('webhooks'),

  'POST /privacy/requests': admin('privacy'),
  'GET /privacy/requests': admin('privacy'),
  'GET /privacy/requests/:id': admin('privacy'),
  'GET /privacy/requests/:id/data': admin('privacy', 'Personal data.'),

  'GET /keys': admin('keys'),
  'POST /keys': admin('keys', 'Nobody makes a key that may do what theirs may not.'),
  'POST /keys/:id/revoke': admin('keys')
}

/** The entry of a route; undefined: there is none. */
export const accessOf = (method: string, pattern: string, table: Readonly<Record<string, AccessEntry>> = ACCESS): AccessEntry | undefined =>
  table[`${method === 'HEAD' ? 'GET' : method} ${pattern}`]

const rank = (role: AccessRole): number => ACCESS_ROLES.indexOf(role)

export const isAtLeast = (role: AccessRole, needed: AccessRole): boolean => rank(role) >= rank(needed)

/** What a caller lacks for this route; undefined: nothing. */
export const lackOf = ({ role, scopes }: Caller, { need, area }: AccessEntry): { role: AccessRole } | { scope: Area } | undefined => {
  if (need === 'open') return undefined
  if (!isAtLeast(role, need)) return { role: need }
  return scopes === null || area === null || scopes.includes(area) ? undefined : { scope: area }
}

/** Whose sessions a caller may see: undefined is everybody's. Without a caller nobody asked for one. */
export const ownerSeen = (caller: Caller | null): string | undefined => caller === null || caller.role === 'admin' ? undefined : caller.id
