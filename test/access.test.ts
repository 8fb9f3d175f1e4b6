// Keys, roles and tokens over HTTP: who is let in, who decides, whose a session is, and how soon a revoked key is out.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { exportJWK, generateKeyPair, SignJWT, type JWTPayload } from 'jose'
import t, { type Test } from 'tap'
import { findStale } from '../docs/tools/access.ts'
import type { Parts } from '../src/app.ts'
import { ACCESS, accessOf, lackOf, type AccessRole, type Caller } from '../src/core/access.ts'
import type { ProposalDraft } from '../src/core/effects/proposal.ts'
import { isKey, Keys, type NewKey } from '../src/core/keys.ts'
import { silentLogger as log } from '../src/core/log.ts'
import { createScrubber } from '../src/core/scrubber.ts'
import type { Store } from '../src/core/store.ts'
import { openStore } from '../src/store/index.ts'
import { runCampaign } from './campaigns/access/campaign.ts'
import { CONTROLS } from './campaigns/access/controls.ts'
import { buildTestApp, listen } from './helpers/app.ts'
import { draftOf, openPolicy } from './helpers/effects-rig.ts'
import { proposingAgent } from './helpers/proposing-agent.ts'
import { FakeClock, settled, until } from './helpers/fake-clock.ts'
import { freshSchema, withoutPostgres } from './helpers/postgres.ts'
import { addOrder, createPuppetShop, gid } from './helpers/puppet-shop.ts'
import { T0 } from './helpers/store-rig.ts'

const BY = { actor: 'test', caller: null, request_id: null }

const open = async (t: Test, parts: Parts = {}, environment: Record<string, string> = {}) => {
  const { app, lines } = await buildTestApp(t, { AUTH: 'required', ...environment }, parts)
  const make = async (name: string, role: AccessRole, more: Partial<NewKey> = {}) => (await app.keys.make({ name, role, ...more }, BY)).secret
  return { app, lines, make }
}

type Headers = Record<string, string>

const asker = (app: FastifyInstance) => async (key: string | undefined, method: string, url: string, body?: object, more: Headers = {}) => {
  const headers = { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...more }
  const answer = await app.inject({ method: method as 'GET', url, headers, ...(body === undefined ? {} : { payload: body }) })
  return { status: answer.statusCode, headers: answer.headers, data: answer.body === '' ? undefined : answer.json() }
}

t.test('the written table is that of the code, and areas are the tags of the document', async (t) => {
  t.same(findStale(), [])
  const { app } = await open(t)
  const { paths, components, security } = (await app.inject('/docs/json')).json()
  t.same(Object.keys(components.securitySchemes), ['key', 'header'])
  t.same(security, [{ key: [] }, { header: [] }])
  let seen = 0
  for (const [path, methods] of Object.entries<Record<string, { tags: string[], security?: object[], description?: string, responses: object }>>(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const route = `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`
      const entry = accessOf(method.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, ':$1'))!
      if (entry.area !== null) t.same(operation.tags, [entry.area], route)
      t.same(operation.security, entry.need === 'open' ? [] : undefined, route)
      if (entry.need !== 'open') {
        t.ok(['401', '403'].every((status) => status in operation.responses), route)
        t.ok(operation.description?.includes(`\`${entry.need}\``), route)
      }
      seen += 1
    }
  }
  t.ok(seen > 50)
  const { app: dev } = await buildTestApp(t)
  t.same((await dev.inject('/docs/json')).json().security[0], {}, 'none is one of the ways where nobody is asked')
})

t.test('a route without an entry stops the start, and so does an entry without a route', async (t) => {
  const { 'GET /brief': brief, ...without } = ACCESS
  await t.rejects(open(t, { access: without }), /GET \/brief has no entry in the table/)
  const { app } = await open(t, { access: { ...ACCESS, 'GET /treasure': brief! } })
  await t.rejects(async () => { await app.ready() }, /without a route: GET \/treasure/)
})

t.test('roles and scopes', async (t) => {
  const caller = (role: AccessRole, scopes: Caller['scopes'] = null): Caller => ({ id: 'x', name: 'x', role, scopes, expires_at: null })
  const entry = ACCESS['POST /freeze']!
  t.same(lackOf(caller('viewer'), entry), { role: 'operator' })
  for (const role of ['operator', 'approver', 'admin'] as const) t.equal(lackOf(caller(role), entry), undefined)
  t.same(lackOf(caller('admin', ['jobs']), entry), { scope: 'freeze' })
  t.equal(lackOf(caller('admin', ['jobs', 'freeze']), entry), undefined)
  t.equal(lackOf(caller('viewer', ['jobs']), ACCESS['GET /whoami']!), undefined, 'everybody may ask who they are')
})

t.test('a key: shown once, kept as a hash, known by its looks, found in no log', async (t) => {
  const store = await openStore({ file: ':memory:' })
  t.teardown(() => store.close())
  const keys = new Keys({ store, clock: new FakeClock(T0), log })
  const { key, secret } = await keys.make({ name: 'anna', role: 'operator' }, BY)
  t.match(secret, /^reo_[\w-]{49}$/)
  t.ok(isKey(secret))
  for (let at = 4; at < secret.length; at++) {
    const other = secret[at] === 'x' ? 'y' : 'x'
    // The last character of a sum of 32 bits holds fewer bits than it could.
    t.notOk(isKey(secret.slice(0, at) + other + secret.slice(at + 1)), `mistyped at ${at}`)
  }
  for (const text of ['', 'reo_', secret.slice(1), `${secret} `, secret.slice(0, -1)]) t.notOk(isKey(text))
  t.notMatch(JSON.stringify(await store.listKeys()), secret.slice(12), 'the store has nothing of it but how it begins')
  t.ok(secret.startsWith(key.prefix))
  t.equal(createScrubber([])(`got ${secret}.`), 'got [redacted].')
  t.match(await keys.identify(secret), { caller: { id: `key:${key.id}`, name: 'anna', role: 'operator', scopes: null } })

  const refusals: Array<[NewKey, RegExp]> = [
    [{ name: '', role: 'viewer' }, /name/], [{ name: 'policy:1', role: 'viewer' }, /name/], [{ name: 'API', role: 'viewer' }, /cannot be api/],
    [{ name: 'x', role: 'root' as 'admin' }, /role/], [{ name: 'x', role: 'viewer', scopes: [] }, /scopes/],
    [{ name: 'x', role: 'viewer', scopes: ['all' as 'jobs'] }, /scopes/], [{ name: 'x', role: 'viewer', expires_at: T0 }, /expired/],
    [{ name: 'x', role: 'viewer', expires_at: NaN }, /expired/]
  ]
  for (const [wanted, says] of refusals) await t.rejects(keys.make(wanted, BY), { code: 'validation_failed', message: says })
  const narrow: Caller = { id: 'key:1', name: 'n', role: 'admin', scopes: ['keys', 'jobs'], expires_at: null }
  const as = { ...BY, caller: narrow }
  await t.rejects(keys.make({ name: 'x', role: 'admin' }, as), { code: 'forbidden' }, 'nobody widens themselves')
  await t.rejects(keys.make({ name: 'x', role: 'viewer', scopes: ['jobs', 'agents'] }, as), { code: 'forbidden' })
  await keys.make({ name: 'x', role: 'admin', scopes: ['jobs'] }, as)
})

t.test('a key: looked up twice a second at most, noted once a minute, out when it expires', async (t) => {
  const store = await openStore({ file: ':memory:' })
  t.teardown(() => store.close())
  const asked = { keyByHash: 0, touchKey: 0 }
  const counted: Store = {
    ...store,
    keyByHash: (hash) => { asked.keyByHash += 1; return store.keyByHash(hash) },
    touchKey: (args) => { asked.touchKey += 1; return store.touchKey(args) }
  }
  const clock = new FakeClock(T0)
  const keys = new Keys({ store: counted, clock, log })
  const { key, secret } = await keys.make({ name: 'anna', role: 'viewer', expires_at: T0 + 90_000 }, BY)
  t.equal(keys.recall(secret), 'ask')
  for (let n = 0; n < 50; n++) await keys.identify(secret)
  t.match(keys.recall(secret), { caller: { name: 'anna' } })
  t.same(asked, { keyByHash: 1, touchKey: 1 })
  await clock.advance(501)
  t.equal(keys.recall(secret), 'ask')
  await keys.identify(secret)
  t.same(asked, { keyByHash: 2, touchKey: 1 })
  await clock.advance(60_000)
  await keys.identify(secret)
  t.same(asked, { keyByHash: 3, touchKey: 2 })
  await settled()
  t.equal((await store.listKeys())[0]?.last_used_at, T0 + 60_501)
  await clock.advance(29_498)
  await keys.identify(secret)
  await clock.advance(1)
  t.throws(() => keys.recall(secret), { code: 'credential_invalid' }, 'what is known of it does not outlive it')
  await t.rejects(keys.identify(secret), { code: 'credential_invalid' })
  const broken = new Keys({ store: { ...counted, keyByHash: () => Promise.reject(new Error('away')) }, clock, log })
  await t.rejects(broken.identify(secret), /away/, 'a store that cannot be asked lets nobody in')
  t.equal(key.last_used_at, null)
})

const skip = await withoutPostgres()

/** Two processes on one store, each with what it knows; answers how long the other one took to hear of a revoke. */
const revokeElsewhere = async (here: Keys, there: Keys): Promise<number> => {
  const { key, secret } = await here.make({ name: 'anna', role: 'viewer' }, BY)
  await there.identify(secret)
  await here.identify(secret)
  await here.revoke(key.id, { actor: 'test', request_id: null })
  const start = performance.now()
  for (;;) {
    try {
      await there.identify(secret)
      // What is known is answered at once: news has to get a turn.
      await new Promise((resolve) => { setImmediate(resolve) })
    } catch (error) {
      if ((error as { code?: string }).code !== 'credential_invalid') throw error
      return performance.now() - start
    }
  }
}

t.test('revoked here, refused elsewhere within a second, also when no notice comes through', { skip }, async (t) => {
  const url = await freshSchema(t)
  const [first, second] = [await openStore({ url }), await openStore({ url })]
  t.teardown(async () => { await Promise.all([first.close(), second.close()]) })
  const clock = { now: () => Date.now(), monotonic: () => performance.now(), setTimeout, clearTimeout: () => {} }
  const here = new Keys({ store: first, clock, log })
  // A clock that stands still: nothing but the notice can tell.
  const told = await revokeElsewhere(here, new Keys({ store: second, clock: new FakeClock(Date.now()), log }))
  t.ok(told < 1_000, `by its notice: ${told.toFixed(1)} ms`)
  const deaf = await revokeElsewhere(here, new Keys({ store: { ...second, subscribe: () => {} }, clock, log }))
  t.ok(deaf < 1_000, `by looking again: ${deaf.toFixed(1)} ms`)
})

t.test('of two processes that start, one makes the first key', { skip }, async (t) => {
  const url = await freshSchema(t)
  const stores = [await openStore({ url }), await openStore({ url })]
  t.teardown(() => Promise.all(stores.map((store) => store.close())))
  const made = await Promise.all(stores.map((store) => new Keys({ store, clock: new FakeClock(T0), log }).makeFirst()))
  t.equal(made.filter((one) => one !== undefined).length, 1)
  t.match((await stores[0]!.listKeys()), [{ name: 'first-admin', role: 'admin', created_by: 'system' }])
})

t.test('a stream of a key that was revoked is cut', async (t) => {
  const clock = new FakeClock(T0)
  const { app, make } = await open(t, { clock })
  const [anna, till] = [await make('anna', 'viewer'), await make('till', 'viewer')]
  const origin = await listen(app)
  const follow = async (key: string) => await fetch(`${origin}/stream`, { headers: { 'x-api-key': key } })
  const [cut, kept] = [await follow(anna), await follow(till)]
  t.same([cut.status, kept.status], [200, 200])
  const { id } = (await app.keys.list()).find(({ name }) => name === 'anna')!
  await app.keys.revoke(id, { actor: 'test', request_id: null })
  const ended = t.rejects(cut.text(), 'within the second')
  await clock.advance(500)
  await ended
  const reader = kept.body!.getReader()
  t.equal((await reader.read()).done, false)
  await reader.cancel()
})

t.test('the name of the key decides, whatever the body says; two people are two names', async (t) => {
  const shop = createPuppetShop({ now: () => Date.now() })
  let drafts: ProposalDraft[] = []
  const agent = proposingAgent('tagger', () => drafts)
  const { app, make } = await open(t, { agents: [agent], upstreams: { commerce: shop.commerce, list: [shop.upstream] } }, { BACKGROUND_WORK: 'true' })
  const ask = asker(app)
  const [admin, bert] = [await make('owner', 'admin'), await make('bert', 'approver')]
  const [anna, annaAgain, till] = [await make('anna', 'approver'), await make('Anna', 'approver'), await make('till', 'approver')]
  t.match(await ask(admin, 'PUT', '/policies', { expected_version: 0, actor: 'anna', policy: openPolicy() }), { status: 403, data: { code: 'actor_mismatch' } })
  const policy = openPolicy((policy) => { policy.classes.order_tag.decision = 'two_person' })
  t.match((await ask(admin, 'PUT', '/policies', { expected_version: 0, actor: 'Owner', policy })).data, { actor: 'owner' })

  addOrder(shop, 1)
  drafts = [draftOf('order_tag', [{ order_id: gid('Order', 1), order_name: '#1', add: ['checked'] }], { key: 'k' })]
  const started = await ask(bert, 'POST', '/agents/tagger/run', {})
  const job = (await ask(bert, 'GET', `/jobs/${started.data.job_id}?wait=10`)).data
  t.match(job, { status: 'succeeded', source: 'api:bert' })
  const url = `/proposals/${job.output.result.ids[0]}`
  const { plan_hash: hash, requested_by: by } = (await ask(bert, 'GET', url)).data
  t.equal(by, 'bert')
  const approve = async (key: string, more: object = {}) => await ask(key, 'POST', `${url}/approve`, { plan_hash: hash, ...more })
  t.match(await approve(bert), { status: 409, data: { code: 'approval_refused' } }, 'whoever asked for it')
  t.match(await approve(bert, { actor: 'carla' }), { status: 403, data: { code: 'actor_mismatch' } }, 'nor under another name')
  t.match((await approve(anna)).data, { status: 'pending', approvals: { given: 1 }, decisions: [{ actor: 'anna' }] })
  t.match(await approve(annaAgain), { status: 409, data: { code: 'approval_refused' } }, 'a second key of the same person')
  t.match(await approve(annaAgain, { actor: 'till' }), { status: 403, data: { code: 'actor_mismatch' } })
  t.match((await approve(till)).data, { approvals: { given: 2 }, decisions: [{ actor: 'anna' }, { actor: 'till' }] })

  const frozen = await ask(bert, 'POST', '/freeze', { reason: 'x' })
  t.match(frozen, { status: 201, data: { actor: 'bert' } })
  t.match(await ask(await make('ole', 'operator'), 'POST', `/freeze/${frozen.data.id}/lift`), { status: 403, data: { code: 'forbidden' } })
  t.match(await ask(anna, 'POST', `/freeze/${frozen.data.id}/lift`), { status: 200 })
  await ask(admin, 'POST', '/circuit-breakers/llm', { action: 'reset' })
  t.match((await ask(admin, 'GET', '/audit?limit=2')).data.audit, [{ action: 'reset', actor: 'owner' }, { actor: 'anna' }])
})

t.test('what is open stays open, and a preflight is not asked', async (t) => {
  const { app } = await open(t, {}, { CORS_ORIGINS: 'https://shop.example.com' })
  const ask = asker(app)
  for (const url of ['/healthz', '/health', '/readyz', '/api/readyz', '/', '/docs/json', '/assets/key.js', '/favicon.ico']) {
    t.equal((await app.inject({ url, headers: { authorization: 'Bearer nonsense' } })).statusCode, 200, url)
  }
  t.match(await ask(undefined, 'GET', '/nowhere'), { status: 404 })
  t.match(await ask(undefined, 'PUT', '/brief'), { status: 405 })
  const origin = { origin: 'https://shop.example.com' }
  t.equal((await app.inject({ method: 'OPTIONS', url: '/jobs', headers: { ...origin, 'access-control-request-method': 'GET' } })).statusCode, 204)
  const refused = await ask(undefined, 'GET', '/jobs', undefined, origin)
  t.match(refused, { status: 401, headers: { 'access-control-allow-origin': 'https://shop.example.com', 'www-authenticate': 'Bearer' } })
  t.match(await ask(undefined, 'GET', '/metrics'), { status: 401 })
  const { app: shown } = await open(t, {}, { METRICS_OPEN: 'true' })
  t.equal((await shown.inject('/metrics')).statusCode, 200)
  t.equal((await shown.inject('/brief')).statusCode, 401)
})

t.test('where no key is needed one that is sent has to be right; off looks at nothing', async (t) => {
  const environment = { NODE_ENV: 'development', SANDBOX: 'off', DATA_DIR: t.testdir(), BACKGROUND_WORK: 'false' }
  const { app } = await buildTestApp(t, environment, { upstreams: { list: [] } })
  const ask = asker(app)
  t.match((await ask(undefined, 'GET', '/whoami')).data, { auth: 'optional', name: null, role: 'admin' })
  const { secret } = await app.keys.make({ name: 'anna', role: 'viewer' }, BY)
  t.match((await ask(secret, 'GET', '/whoami')).data, { name: 'anna', role: 'viewer' })
  t.match(await ask(secret, 'POST', '/agents/session'), { status: 403 })
  t.match(await ask('reo_x', 'GET', '/whoami'), { status: 401 })
  t.match(await ask(undefined, 'POST', '/freeze', { reason: 'x', actor: 'bert' }), { data: { actor: 'bert' } })
  const { app: off } = await buildTestApp(t)
  t.match(await asker(off)('reo_x', 'GET', '/whoami'), { status: 200, data: { auth: 'off' } })
})

t.test('idempotency keys of one caller are nothing to another, and the answer with a key in it is not stored', async (t) => {
  const { app, make } = await open(t)
  const ask = asker(app)
  const [anna, till] = [await make('anna', 'admin'), await make('till', 'operator')]
  const post = async (key: string) => (await ask(key, 'POST', '/agents/session', {}, { 'idempotency-key': 'k' })).data.session_id as string
  const first = await post(anna)
  t.equal(await post(anna), first)
  t.not(await post(till), first)
  const make2 = async () => await ask(anna, 'POST', '/keys', { name: 'ole', role: 'viewer' }, { 'idempotency-key': 'k2' })
  const [one, two] = [await make2(), await make2()]
  t.match([one, two], [{ status: 201 }, { status: 201, headers: { 'cache-control': 'no-store' } }])
  t.not(one.data.key, two.data.key)
})

t.test('tokens of an issuer', async (t) => {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const other = await generateKeyPair('ES256')
  let asked = 0
  const server = createServer((request, response) => {
    asked += 1
    const described = { issuer, jwks_uri: `${issuer}/keys` }
    const body = request.url === '/keys' ? { keys: [{ ...jwk, kid: 'one', alg: 'ES256', use: 'sig' }] } : described
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(body))
  })
  const jwk = await exportJWK(publicKey)
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { server.close() })
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { app } = await open(t, {}, { OIDC_ISSUER: issuer, OIDC_AUDIENCE: 'us', OIDC_ROLE_CLAIM: 'realm.roles', OIDC_NAME_CLAIM: 'login' })
  const ask = asker(app)
  const sign = (claims: JWTPayload, { key = privateKey, kid = 'one', exp = '5m' } = {}) =>
    new SignJWT({ sub: 'u1', iss: issuer, aud: 'us', login: 'anna', realm: { roles: ['offline', 'viewer', 'operator'] }, ...claims })
      .setProtectedHeader({ alg: 'ES256', kid }).setIssuedAt().setExpirationTime(exp).sign(key)
  t.match((await ask(await sign({}), 'GET', '/whoami')).data, { name: 'anna', role: 'operator', scopes: null, expires_at: /Z$/ })
  t.equal(asked, 2, 'the description and the keys')
  const session = await ask(await sign({}), 'POST', '/agents/session')
  t.equal(session.status, 201)
  t.match(await ask(await sign({ sub: 'u2' }), 'GET', `/agents/session/${session.data.session_id}`), { status: 404 }, 'sessions belong to the subject')
  t.match(await ask(await sign({}), 'GET', `/agents/session/${session.data.session_id}`), { status: 200 })
  t.match(await ask(await sign({}), 'PUT', '/policies', {}), { status: 403, data: { code: 'forbidden' } })
  const refused: Array<[string, Promise<string>]> = [
    ['another audience', sign({ aud: 'them' })], ['another issuer', sign({ iss: 'https://evil.example.com' })], ['too old', sign({}, { exp: '-5m' })],
    ['a foreign key', sign({}, { key: other.privateKey })], ['an unknown key', sign({}, { kid: 'two' })], ['no subject', sign({ sub: undefined as never })],
    ['a shared secret', new SignJWT({ sub: 'u1', iss: issuer, aud: 'us', realm: { roles: ['admin'] } }).setProtectedHeader({ alg: 'HS256', kid: 'one' })
      .setExpirationTime('5m').sign(new TextEncoder().encode(JSON.stringify(jwk)))]
  ]
  for (const [name, token] of refused) t.match(await ask(await token, 'GET', '/whoami'), { status: 401, data: { code: 'credential_invalid' } }, name)
  const unsigned = [{ alg: 'none' }, { sub: 'u1', iss: issuer, aud: 'us', exp: 4e9, realm: { roles: ['admin'] } }]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  t.match(await ask(`${unsigned}.x`, 'GET', '/whoami'), { status: 401 }, 'none signed it')
  const nobodys: JWTPayload[] = [
    { realm: { roles: [] } }, { realm: { roles: 'root' } }, { realm: 'admin' }, { login: '' }, { login: 'policy:1' }, { login: undefined }
  ]
  for (const claims of nobodys) {
    t.match(await ask(await sign(claims), 'GET', '/whoami'), { status: 403, data: { code: 'forbidden' } }, JSON.stringify(claims))
  }
  const far = 'http://127.0.0.1:9'
  const { app: alone } = await open(t, {}, { OIDC_ISSUER: far, OIDC_AUDIENCE: 'us' })
  const away = { status: 503, data: { code: 'identity_unavailable' }, headers: { 'retry-after': '5' } }
  t.match(await asker(alone)(await sign({ iss: far }), 'GET', '/whoami'), away)
  const { app: none } = await open(t)
  t.match(await asker(none)(await sign({}), 'GET', '/whoami'), { status: 401, data: { code: 'credential_malformed' } }, 'where tokens are not taken')
})

t.test('every route, every credential, every id: against the written table', async (t) => {
  const { wrong, requests, routes } = await runCampaign({ seed: 20261127, rounds: 1 })
  t.same(wrong, [])
  t.ok(requests > 5_000 && routes > 100, `${requests} requests to ${routes} routes`)
})

t.test('controls: a table that is weaker than the written one is found out', async (t) => {
  for (const { name, table, finds } of CONTROLS) {
    const { wrong } = await runCampaign({ seed: 20261127, rounds: 1, table })
    t.ok(wrong.some((one) => finds.test(one)), name)
  }
})

t.test('the first key is made once, and the store is asked for it before anybody else comes', async (t) => {
  const { app } = await open(t)
  const made = await app.keys.makeFirst()
  t.match(made, { key: { role: 'admin', name: 'first-admin' } })
  t.equal(await app.keys.makeFirst(), undefined)
  t.match((await asker(app)(made!.secret, 'GET', '/keys')).data, { total: 1 })
  await until('its use is noted', async () => (await app.keys.list())[0]?.last_used_at !== null)
})
