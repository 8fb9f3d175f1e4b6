// The repository port over real sockets: what GitHub says, what it costs, and what happens when it says nothing useful.
import type { ServerResponse } from 'node:http'
import t, { type Test } from 'tap'
import { createBreakerRegistry } from '../../src/core/breaker-registry.ts'
import { silentLogger } from '../../src/core/log.ts'
import type { Repository } from '../../src/core/repository.ts'
import { createEtagCache } from '../../src/integrations/github/etag-cache.ts'
import { createGithub, type GithubOptions } from '../../src/integrations/github/index.ts'
import { FakeClock } from '../helpers/fake-clock.ts'
import { json, standIn, timeless, type Seen } from './stand-in.ts'

const NOW = Date.parse('2026-11-24T12:00:00Z')
const TOKEN = 'ghp_0123456789abcdefghijklmnopqrstuvwxyz'
const REPO = '/repos/royal/shop'

type Route = (request: Seen, response: ServerResponse) => void

const rig = async (t: Test, routes: Record<string, Route>, options: Partial<GithubOptions> = {}) => {
  const server = await standIn(t, (request, response) => {
    const route = routes[`${request.method} ${request.path}`] ?? routes['*']
    if (route === undefined) json(response, 404, { message: 'Not Found' })
    else route(request, response)
  })
  const clock = new FakeClock(NOW)
  const breakers = createBreakerRegistry({ clock, jitter: () => 0.5 })
  breakers.register('github_api', { label: 'GitHub', configured: true, required: false })
  const github = createGithub({
    token: TOKEN, owner: 'royal', repo: 'shop', baseUrl: server.url, source: 'sandbox', breakers, clock, random: () => 0, log: silentLogger, ...options
  })
  t.teardown(() => github.close())
  const { signal } = new AbortController()
  const dependency = breakers.get('github_api')
  return { server, clock, breakers, dependency, github, repository: github.repository as Repository, signal }
}

const answers = (status: number, body: unknown, headers: Record<string, string> = {}): Route => (_request, response) => json(response, status, body, headers)

const REPOSITORY = {
  id: 1,
  full_name: 'royal/shop',
  html_url: 'https://github.com/royal/shop',
  private: true,
  visibility: 'private',
  archived: false,
  has_issues: true,
  default_branch: 'main',
  open_issues_count: 12,
  pushed_at: '2026-11-24T10:00:00Z',
  permissions: { admin: false, push: true, pull: true }
}

const pull = (number: number, more: object = {}) => ({
  number,
  title: `Change ${number}`,
  html_url: `https://github.com/royal/shop/pull/${number}`,
  user: { login: 'ada' },
  draft: false,
  head: { ref: `branch-${number}`, sha: 'a'.repeat(40), repo: null },
  base: { ref: 'main', sha: 'b'.repeat(40) },
  labels: [{ id: 1, name: 'prices' }],
  requested_reviewers: [{ login: 'bob' }],
  requested_teams: [{ slug: 'shopkeepers' }],
  created_at: '2026-11-20T10:00:00Z',
  updated_at: '2026-11-23T10:00:00Z',
  ...more
})

const issue = (number: number, more: object = {}) => ({
  number,
  title: `Issue ${number}`,
  html_url: `https://github.com/royal/shop/issues/${number}`,
  user: null,
  state: 'open',
  labels: [{ name: 'bug' }, 'old'],
  assignees: [{ login: 'ada' }],
  comments: 3,
  body: null,
  created_at: '2026-11-20T10:00:00Z',
  updated_at: '2026-11-23T10:00:00Z',
  ...more
})

t.test('the status of the repository, with what has to be sent and nothing asked twice', async (t) => {
  const { server, repository, signal } = await rig(t, {
    [`GET ${REPO}`]: answers(200, REPOSITORY),
    [`GET ${REPO}/pulls`]: (_request, response) => json(response, 200, [pull(7)], {
      link: `<${'http://127.0.0.1/repositories/1/pulls?state=open&per_page=1&page=2'}>; rel="next", <http://127.0.0.1/repositories/1/pulls?page=5>; rel="last"`
    })
  })
  t.same(await repository.status({ signal }), {
    full_name: 'royal/shop',
    url: 'https://github.com/royal/shop',
    visibility: 'private',
    archived: false,
    default_branch: 'main',
    open_issues: 7,
    open_pull_requests: 5,
    pushed_at: Date.parse('2026-11-24T10:00:00Z'),
    source: 'sandbox',
    read_at: NOW
  })
  t.equal(server.seen.length, 2)
  for (const { headers } of server.seen) {
    const wanted = { authorization: `Bearer ${TOKEN}`, accept: 'application/vnd.github+json', 'x-github-api-version': /^\d{4}-\d\d-\d\d$/, 'user-agent': /./ }
    t.match(headers, wanted)
  }
})

t.test('an unchanged answer is a 304 and is answered from what was read before', async (t) => {
  let etag = 'W/"1"'
  const { server, repository, signal } = await rig(t, {
    [`GET ${REPO}/pulls`]: (request, response) => {
      const headers = { etag, link: `<${server.url}${REPO}/pulls?page=2>; rel="next"` }
      if (request.query.get('page') === '2') json(response, 200, [pull(2)])
      else if (request.headers['if-none-match'] === etag) json(response, 304, undefined, { etag })
      else json(response, 200, [pull(etag === 'W/"1"' ? 1 : 11)], headers)
    }
  })
  const numbers = async () => (await repository.pullRequests({ signal })).items.map(({ number }) => number)
  t.same(await numbers(), [1, 2])
  t.same(await numbers(), [1, 2], 'the link to the next page is remembered too: a 304 need not repeat it')
  t.same(server.seen.map(({ headers }) => headers['if-none-match']), [undefined, undefined, 'W/"1"', undefined])
  etag = 'W/"2"'
  t.same(await numbers(), [11, 2], 'a changed one is read anew')
})

t.test('the cache of answers is bounded, and the one unused for longest goes', async (t) => {
  const cache = createEtagCache(2)
  const answer = (value: number) => ({ etag: 'e', value, next: undefined, pages: 1 })
  cache.set('a', answer(1))
  cache.set('b', answer(2))
  t.equal(cache.get('a')?.value, 1)
  cache.set('c', answer(3))
  t.same([cache.size, cache.get('a')?.value, cache.get('b')?.value, cache.get('c')?.value], [2, 1, undefined, 3])
})

t.test('lists go through the pages, and no further than the limit or to another host', async (t) => {
  const elsewhere = await standIn(t, (_request, response) => json(response, 200, [issue(666)]))
  const { server, repository, signal } = await rig(t, {
    [`GET ${REPO}/issues`]: (request, response) => {
      const page = Number(request.query.get('page') ?? 1)
      const next = page === 3 ? `${elsewhere.url}${REPO}/issues?page=4` : `${server.url}${REPO}/issues?page=${page + 1}`
      const items = Array.from({ length: 100 }, (_, at) => issue(page * 1000 + at, at % 2 === 0 ? { pull_request: {} } : {}))
      json(response, 200, items, { link: `<${next}>; rel="next"` })
    }
  })
  const list = await repository.issues({ signal, limit: 500, labels: ['a b', 'c'] })
  t.equal(list.items.length, 150, 'pull requests are left out')
  t.equal(elsewhere.seen.length, 0, 'the token stays here')
  t.match(server.seen[0]?.query.toString(), /labels=a\+b%2Cc/)
  t.match(list.items[0], { number: 1001, author: null, labels: ['bug', 'old'], assignees: ['ada'], comments: 3 })
  server.forget()
  t.match(await repository.issues({ signal, limit: 60 }), { more: true, items: { length: 60 } })
  t.equal(server.seen.length, 2)
  for (const limit of [0, 501, 1.5, NaN]) await t.rejects(repository.issues({ signal, limit }), { code: 'repository_invalid_request' })
})

t.test('one pull request: its reviewers’ last words', async (t) => {
  const reviews = (...list: Array<[string, string]>) => list.map(([login, state]) => ({ user: { login }, state }))
  let said = reviews(['ada', 'CHANGES_REQUESTED'], ['bob', 'APPROVED'], ['ada', 'COMMENTED'])
  const { repository, signal } = await rig(t, {
    [`GET ${REPO}/pulls/7`]: answers(200, pull(7, { state: 'open', merged: false, mergeable: null, additions: 3, deletions: 1, changed_files: 2 })),
    [`GET ${REPO}/pulls/7/reviews`]: (_request, response) => json(response, 200, said)
  })
  t.match(await repository.pullRequest(7, { signal }), {
    number: 7, mergeable: null, merged: false, review: 'changes_requested', review_requested_from: ['bob', 'shopkeepers'], changed_files: 2
  })
  said = reviews(['ada', 'CHANGES_REQUESTED'], ['bob', 'APPROVED'], ['ada', 'DISMISSED'])
  t.equal((await repository.pullRequest(7, { signal })).review, 'approved')
  said = []
  t.equal((await repository.pullRequest(7, { signal })).review, 'none')
})

t.test('the checks of a ref: runs and statuses together, the worst counts, and none is none', async (t) => {
  let runs: Array<[string, string | null]> = []
  let statuses: string[] = []
  const { server, repository, signal } = await rig(t, {
    [`GET ${REPO}`]: answers(200, REPOSITORY),
    '*': (request, response) => request.path.endsWith('/check-runs')
      ? json(response, 200, {
        total_count: runs.length,
        check_runs: runs.map(([status, conclusion]) => ({ name: 'test', status, conclusion, html_url: null }))
      })
      : json(response, 200, { state: 'pending', total_count: statuses.length, statuses: statuses.map((state) => ({ context: 'ci', state, target_url: null })) })
  })
  const stateOf = async (ref?: string) => (await repository.checks({ signal, ...(ref === undefined ? {} : { ref }) })).state
  t.equal(await stateOf(), 'none', 'though the combined status says "pending"')
  t.ok(server.seen.some(({ path }) => path === `${REPO}/commits/main/status`), 'the default branch without a ref')
  runs = [['completed', 'success'], ['completed', 'skipped'], ['completed', 'neutral']]
  t.equal(await stateOf('feature/one#2'), 'passing')
  t.ok(server.seen.some(({ path }) => path === `${REPO}/commits/feature/one%232/check-runs`))
  runs = [['completed', 'success'], ['in_progress', null]]
  t.equal(await stateOf(), 'pending')
  statuses = ['error']
  t.match(await repository.checks({ signal }), { state: 'failing', ref: 'main', checks: [{ state: 'passing' }, { state: 'pending' }, { reported: 'error' }] })
  for (const ref of ['', '../..', 'a/../b', 'a//b']) await t.rejects(repository.checks({ signal, ref }), { code: 'repository_invalid_request' })
})

t.test('the hour’s limit closes the gate until it is renewed by their clock, and is no failure', async (t) => {
  for (const status of [403, 429]) {
    let exhausted = true
    // Their clock is an hour ahead of ours.
    const date = new Date(NOW + 3_600_000).toUTCString()
    const { server, clock, dependency, repository, signal } = await rig(t, {
      '*': (_request, response) => exhausted
        ? json(response, status, { message: 'API rate limit exceeded for user ID 1.' }, {
          date, 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String((NOW + 3_600_000) / 1000 + 600)
        })
        : json(response, 200, [])
    })
    await t.rejects(repository.pullRequests({ signal }), { code: 'dependency_throttled', retryAfterMs: 601_000 })
    t.equal(server.seen.length, 1, 'not tried again')
    await clock.advance(600_900)
    await t.rejects(repository.pullRequests({ signal }), { code: 'dependency_throttled', retryAfterMs: 100 })
    t.equal(server.seen.length, 1, 'nothing is sent while the gate is closed')
    t.match(dependency.breaker.snapshot(), { state: 'closed', consecutiveFailures: 0 })
    t.equal(dependency.credential, 'unknown', 'a limit says nothing of the token')
    exhausted = false
    await clock.advance(100)
    t.same((await repository.pullRequests({ signal })).items, [])
  }
})

t.test('the last request that the hour allows closes the gate behind it', async (t) => {
  const { server, repository, signal } = await rig(t, {
    '*': answers(200, [], { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW / 1000 + 60), date: new Date(NOW).toUTCString() })
  })
  t.same((await repository.pullRequests({ signal })).items, [])
  await t.rejects(repository.pullRequests({ signal }), { code: 'dependency_throttled', retryAfterMs: 61_000 })
  t.equal(server.seen.length, 1)
})

t.test('the secondary limit: Retry-After where it is told, else a minute and twice as long each time', async (t) => {
  const message = 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.'
  let headers: Record<string, string> = { 'retry-after': '30' }
  const { server, clock, dependency, repository, signal } = await rig(t, {
    '*': (_request, response) => json(response, 403, { message }, { 'x-ratelimit-remaining': '4000', ...headers })
  })
  for (const [wait, next] of [[30_000, {}], [60_000, {}], [120_000, {}], [240_000, { 'retry-after': '5' }], [5_000, {}]] as const) {
    await t.rejects(repository.rateLimit({ signal }), { code: 'dependency_throttled', retryAfterMs: wait })
    headers = next
    await clock.advance(wait)
  }
  t.equal(server.seen.length, 5)
  t.match(dependency.breaker.snapshot(), { state: 'closed', consecutiveFailures: 0 })
})

t.test('refusals say what to do, and which of them are the token’s end', async (t) => {
  let answer: [number, object, Record<string, string>?] = [200, REPOSITORY]
  const { dependency, repository, github, signal } = await rig(t, { '*': (_request, response) => json(response, ...answer) })
  await github.upstream.probe(signal)
  t.equal(dependency.credential, 'accepted')
  const refusals: Array<[typeof answer, { code: string, message: RegExp }, string]> = [
    [[403, { message: 'Resource not accessible by personal access token' }, { 'x-accepted-github-permissions': 'checks=read' }],
      { code: 'repository_access_denied', message: /Resource not accessible.*It needs: checks=read/ }, 'accepted'],
    [[404, { message: 'Not Found' }], { code: 'repository_not_found', message: /GITHUB_REPO_OWNER/ }, 'accepted'],
    [[410, { message: 'Issues has been disabled in this repository.' }], { code: 'repository_invalid_request', message: /disabled/ }, 'accepted'],
    [[401, { message: 'Bad credentials' }], { code: 'repository_credential_rejected', message: /GITHUB_TOKEN/ }, 'rejected']
  ]
  for (const [refusal, error, credential] of refusals) {
    answer = refusal
    await t.rejects(repository.issues({ signal }), error)
    t.equal(dependency.credential, credential)
    t.notMatch(String(await repository.issues({ signal }).catch((error: unknown) => error)), TOKEN)
  }
  t.match(dependency.breaker.snapshot(), { state: 'closed', consecutiveFailures: 0 }, 'the peer is alive')
})

t.test('a repository that was renamed: the redirect is not followed, and says what to set', async (t) => {
  const elsewhere = await standIn(t, answers(200, REPOSITORY))
  const { repository, signal } = await rig(t, { '*': answers(301, { message: 'Moved Permanently' }, { location: `${elsewhere.url}/repositories/1` }) })
  await t.rejects(repository.status({ signal }), { code: 'repository_not_found', message: /renamed.*GITHUB_REPO_NAME/ })
  t.equal(elsewhere.seen.length, 0)
})

t.test('failures open the breaker, and then nothing is sent', async (t) => {
  const { server, clock, dependency, repository, signal } = await rig(t, { '*': answers(502, { message: 'Server Error' }) })
  for (let call = 0; call < 6 && dependency.breaker.snapshot().state === 'closed'; call++) {
    await t.rejects(timeless(clock, repository.rateLimit({ signal })), { code: 'repository_unavailable', message: /status 502/ })
  }
  t.equal(dependency.breaker.snapshot().state, 'open')
  t.equal(server.seen.length, 5)
  await t.rejects(repository.rateLimit({ signal }), { code: 'circuit_open' })
  t.equal(server.seen.length, 5)
})

t.test('an answer that is not what it should be is not believed', async (t) => {
  let route: Route = answers(200, { full_name: 'royal/shop' })
  const { clock, dependency, repository, signal } = await rig(t, { '*': (request, response) => route(request, response) })
  const bad: Route[] = [
    answers(200, [pull(1, { created_at: 'yesterday' })]),
    answers(200, { items: [] }),
    (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('[{"number":'),
    (_request, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>')
  ]
  for (const next of bad) {
    route = next
    await t.rejects(timeless(clock, repository.pullRequests({ signal })), { code: 'upstream_answer_invalid' })
  }
  t.equal(dependency.breaker.snapshot().consecutiveFailures, 3, 'the last two count as failures, one of them tried twice: another shape is no outage')
})

t.test('the repository itself is small, one text may be long, and a page of them longer', async (t) => {
  const filler = 'x'.repeat(700_000)
  const text = 'x'.repeat(300_000)
  const detail = { state: 'open', merged: false, mergeable: null, additions: 1, deletions: 0, changed_files: 1 }
  const { repository, signal } = await rig(t, {
    [`GET ${REPO}`]: answers(200, { ...REPOSITORY, filler: text }),
    [`GET ${REPO}/pulls/7`]: answers(200, pull(7, { ...detail, body: text })),
    [`GET ${REPO}/pulls/7/reviews`]: answers(200, []),
    [`GET ${REPO}/pulls`]: answers(200, [pull(1, { filler })]),
    [`GET ${REPO}/issues`]: answers(200, [issue(1, { body: filler })]),
    [`POST ${REPO}/issues`]: answers(201, { number: 2, html_url: 'https://github.com/royal/shop/issues/2' })
  })
  await t.rejects(repository.checks({ signal }), { code: 'upstream_answer_too_large', message: /larger than 131072 bytes/ })
  t.match(await repository.pullRequest(7, { signal }), { number: 7 })
  t.match(await repository.pullRequests({ signal }), { items: [{ number: 1 }] })
  t.match(await repository.openIssue({ title: 'New', body: '', effect_key: 'key-1' }, { signal }), { number: 2 }, 'it looks through pages too')
})

t.test('a caller that leaves stops the call, which says nothing of the upstream', async (t) => {
  const arrived = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  const { dependency, repository } = await rig(t, {
    '*': (_request, response) => {
      response.on('close', () => closed.resolve())
      arrived.resolve()
    }
  })
  const controller = new AbortController()
  const call = repository.pullRequests({ signal: controller.signal })
  await arrived.promise
  controller.abort(new Error('the caller left'))
  await t.rejects(call, { message: 'the caller left' })
  await closed.promise
  t.match(dependency.breaker.snapshot(), { state: 'closed', consecutiveFailures: 0 })
})

/** GitHub's issues as far as opening needs them. `after`: what happens to the answer once the issue is made. */
const issueTracker = (t: Test, after: (response: ServerResponse, made: object) => void = (response, made) => json(response, 201, made)) => {
  const made: Array<ReturnType<typeof issue>> = []
  const posts: Seen[] = []
  const state = { after, keeps: true }
  return {
    made,
    posts,
    state,
    rig: rig(t, {
      [`GET ${REPO}/issues`]: (_request, response) => json(response, 200, made.toReversed()),
      [`POST ${REPO}/issues`]: (request, response) => {
        posts.push(request)
        const { title, body } = request.body as { title: string, body: string }
        const one = issue(made.length + 1, { title, body })
        if (state.keeps) made.push(one)
        state.after(response, one)
      }
    })
  }
}

const NEW_ISSUE = { effect_key: 'effect-1', title: 'Prices below cost', body: 'Three variants.', labels: ['prices'] }

t.test('an issue is opened once for each effect key, also after a restart', async (t) => {
  const { made, posts, rig: ready } = issueTracker(t)
  const { repository, signal, server } = await ready
  t.match(await repository.openIssue(NEW_ISSUE, { signal }), { number: 1, url: /issues\/1$/, created: true, source: 'sandbox' })
  t.match(posts[0]?.body, { title: 'Prices below cost', body: /^Three variants\.\n\n<!-- royal-equips effect [0-9a-f]{40} -->$/, labels: ['prices'] })
  t.match(await repository.openIssue(NEW_ISSUE, { signal }), { number: 1, created: false })

  const second = await rig(t, {}, { baseUrl: server.url })
  t.match(await second.repository.openIssue(NEW_ISSUE, { signal }), { number: 1, created: false }, 'another process finds it by its marker')
  t.match(await repository.openIssue({ ...NEW_ISSUE, effect_key: 'effect-2', body: made[0]?.body ?? '' }, { signal }), { number: 2, created: true })
  t.match(await second.repository.openIssue({ ...NEW_ISSUE, effect_key: 'effect-2' }, { signal }), { number: 2 }, 'also when it quotes another')
  t.equal(posts.length, 2)
})

t.test('two calls with one key at the same time open one issue', async (t) => {
  const { posts, rig: ready } = issueTracker(t)
  const { repository, signal } = await ready
  const [one, two] = await Promise.all([repository.openIssue(NEW_ISSUE, { signal }), repository.openIssue(NEW_ISSUE, { signal })])
  t.same([one.number, one.created, two.number, two.created], [1, true, 1, false])
  t.equal(posts.length, 1)
})

t.test('an issue whose answer was lost is looked for, and never sent twice', async (t) => {
  const lost: Record<string, (response: ServerResponse) => void> = {
    reset: (response) => { response.socket?.resetAndDestroy() },
    'a 500 that hides a success': (response) => json(response, 500, { message: 'Server Error' }),
    truncated: (response) => {
      response.writeHead(201, { 'content-type': 'application/json', 'content-length': '500' }).write('{"number": 1')
      response.socket?.end()
    },
    'another schema': (response) => json(response, 201, { id: 1 })
  }
  for (const [name, after] of Object.entries(lost)) {
    const { posts, state, rig: ready } = issueTracker(t, after)
    const { repository, signal } = await ready
    t.match(await repository.openIssue(NEW_ISSUE, { signal }), { number: 1, created: true }, `${name}: found`)
    t.equal(posts.length, 1, name)

    state.keeps = false
    const unknown = { ...NEW_ISSUE, effect_key: 'effect-2' }
    await t.rejects(repository.openIssue(unknown, { signal }), { code: 'repository_outcome_unknown' }, `${name}: not found`)
    t.equal(posts.length, 2, `${name}: not sent again by itself`)
    state.keeps = true
    state.after = (response, made) => json(response, 201, made)
    t.match(await repository.openIssue(unknown, { signal }), { number: 2, created: true }, `${name}: the next call sends it`)
  }
})

t.test('an issue that was refused or never sent is no riddle', async (t) => {
  const { posts, state, rig: ready } = issueTracker(t, (response) => json(response, 422, { message: 'Validation Failed', errors: [] }))
  state.keeps = false
  const { repository, breakers, signal } = await ready
  await t.rejects(repository.openIssue(NEW_ISSUE, { signal }), { code: 'repository_invalid_request', message: /Validation Failed/ })
  t.equal(posts.length, 1)
  for (const fault of [{ title: ' ' }, { title: 'x'.repeat(257) }, { body: 'x'.repeat(60_001) }, { effect_key: '' }, { labels: [''] }, { body: '\ud800' }]) {
    await t.rejects(repository.openIssue({ ...NEW_ISSUE, ...fault }, { signal }), { code: 'repository_invalid_request' })
  }
  breakers.get('github_api').breaker.force('forced_open')
  await t.rejects(repository.openIssue(NEW_ISSUE, { signal }), { code: 'circuit_open' })
  t.equal(posts.length, 1)
})

t.test('the probe says what works and what is missing', async (t) => {
  let scopes: string | undefined = 'repo, gist'
  const limit = { 'x-ratelimit-limit': '5000', 'x-ratelimit-remaining': '4990', 'x-ratelimit-reset': String(NOW / 1000 + 60) }
  const routes: Record<string, Route> = {
    [`GET ${REPO}`]: (_request, response) =>
      json(response, 200, { ...REPOSITORY, private: false }, { ...limit, ...(scopes === undefined ? {} : { 'x-oauth-scopes': scopes }) }),
    'GET /rate_limit': answers(200, { resources: { core: { limit: 5000, remaining: 4999, used: 1, reset: NOW / 1000 } } })
  }
  const { github, server, signal } = await rig(t, routes)
  t.match(github.upstream, { name: 'github_api', source: 'sandbox', host: server.url.slice('http://'.length) })
  t.match(await github.upstream.probe(signal), { message: /royal\/shop answers; 4990 of 5000/, missing_scopes: [], details: { rate_limit_remaining: 4990 } })
  scopes = 'gist'
  t.match(await github.upstream.probe(signal), { missing_scopes: ['public_repo'] })
  scopes = undefined
  t.match(await github.upstream.probe(signal), { missing_scopes: [] }, 'fine-grained tokens do not tell')

  const nameless = await rig(t, routes, { owner: 'royal', repo: undefined })
  t.equal(nameless.github.repository, undefined)
  t.match(await nameless.github.upstream.probe(signal), { message: /accepts the token.*set GITHUB_REPO_NAME/ })
  t.same(nameless.server.seen.map(({ path }) => path), ['/rate_limit'])
})

t.test('names that would change the path are refused at once', async (t) => {
  for (const names of [{ owner: '../x' }, { owner: 'a/b' }, { repo: '..' }, { repo: 'shop/../..' }, { repo: 'a b' }]) {
    const clock = new FakeClock(NOW)
    const breakers = createBreakerRegistry({ clock })
    breakers.register('github_api', { label: 'GitHub', configured: true, required: false })
    const options = { token: TOKEN, owner: 'royal', repo: 'shop', source: 'live' as const, breakers, clock, random: () => 0, log: silentLogger }
    t.throws(() => createGithub({ ...options, ...names }), { code: 'repository_invalid_request' })
  }
})
