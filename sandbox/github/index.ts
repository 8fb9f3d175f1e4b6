// GitHub's REST API over one generated repository: rate limit, conditional requests, paging, and its own words for what is refused.
import { createHash, randomUUID } from 'node:crypto'
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { bearerOf, isObject, readObject, urlOf } from '../http.ts'
import type { Handler } from '../upstreams.ts'
import {
  presentAccount, presentCheckRun, presentCombinedStatus, presentIssue, presentPull, presentRepository, presentReviews
} from './present.ts'
import { generateRepository, type StoredIssue, type StoredRepository } from './repository.ts'

export interface GithubSandboxOptions {
  seed: number
  now: () => number
  credentials: { token: string, owner: string, repo: string }
}

interface Answer {
  status: number
  body: unknown
  headers?: OutgoingHttpHeaders
}

const LIMIT_AN_HOUR = 5_000
const HOUR_MS = 3_600_000
/** May read the repository and not open issues: to see what a missing right looks like. */
const READ_ONLY_TOKEN = 'sandbox-read-only'
const LONGEST_TITLE = 256
const VERSIONS = ['2022-11-28']

export const createGithubSandbox = ({ seed, now, credentials }: GithubSandboxOptions): Handler => {
  const repository = generateRepository({ seed, now: now(), owner: credentials.owner, name: credentials.repo })
  const limit = createLimit(now)

  return async (request, response) => {
    const url = urlOf(request)
    const head = {
      'x-github-request-id': randomUUID().slice(0, 18).toUpperCase(),
      'x-github-media-type': 'github.v3; format=json',
      'x-github-api-version-selected': String(request.headers['x-github-api-version'] ?? VERSIONS[0]),
      'cache-control': 'private, max-age=60, s-maxage=60',
      vary: 'Accept, Authorization, Cookie'
    }
    const refused = faultOfRequest(request, credentials.token)
    if (refused !== undefined) return send(response, refused, head)
    // Asking for the limit costs nothing of it.
    if (url.pathname === '/rate_limit') return send(response, found(limit.report()), { ...head, ...limit.headers() })
    if (limit.exhausted()) {
      return send(response, refuse(403, 'API rate limit exceeded for the sandbox.'), { ...head, ...limit.headers() })
    }
    const answer = await route({ repository, request, url, origin: `http://${request.headers.host ?? 'sandbox'}`, now })
    const etag = answer.status === 200 ? `W/"${createHash('sha256').update(JSON.stringify(answer.body)).digest('hex')}"` : undefined
    if (etag !== undefined && request.method === 'GET' && request.headers['if-none-match'] === etag) {
      // An unchanged answer is free.
      response.writeHead(304, { ...head, ...limit.headers(), etag })
      response.end()
      return
    }
    limit.spend()
    send(response, answer, { ...head, ...limit.headers(), ...(etag === undefined ? {} : { etag }) })
  }
}

const faultOfRequest = (request: IncomingMessage, token: string): Answer | undefined => {
  if ((request.headers['user-agent'] ?? '') === '') {
    return refuse(403, 'Request forbidden by administrative rules. Please make sure your request has a User-Agent header.')
  }
  const version = request.headers['x-github-api-version']
  if (version !== undefined && !VERSIONS.includes(String(version))) return refuse(400, `${String(version)} is not a supported version.`)
  const given = bearerOf(request)
  if (given === undefined) {
    return urlOf(request).pathname.startsWith('/repos/') ? refuse(404, 'Not Found') : refuse(401, 'Requires authentication')
  }
  return given === token || given === READ_ONLY_TOKEN ? undefined : refuse(401, 'Bad credentials')
}

interface Visit {
  repository: StoredRepository
  request: IncomingMessage
  url: URL
  origin: string
  now: () => number
}

const route = async (visit: Visit): Promise<Answer> => {
  const { repository, request, url, origin } = visit
  const path = url.pathname.split('/').slice(1).map(decodeURIComponent)
  const method = request.method ?? 'GET'
  if (method === 'GET' && url.pathname === '/user') return found({ ...presentAccount('storefront-team'), name: null, plan: { name: 'team' } })
  if (path[0] !== 'repos' || `${path[1]}/${path[2]}`.toLowerCase() !== `${repository.owner}/${repository.name}`.toLowerCase()) return refuse(404, 'Not Found')

  const [collection, id, part] = path.slice(3)
  const issue = repository.issues.find(({ number }) => String(number) === id)
  switch (`${method} ${collection ?? ''}${id === undefined ? '' : '/:id'}${part === undefined ? '' : `/${part}`}`) {
    case 'GET ': return found(presentRepository(repository, origin))
    case 'GET issues': return listIssues(visit)
    case 'POST issues': return await openIssue(visit)
    case 'GET issues/:id': return issue === undefined ? refuse(404, 'Not Found') : found(presentIssue(repository, issue, origin))
    case 'PATCH issues/:id': return issue === undefined ? refuse(404, 'Not Found') : await changeIssue(visit, issue)
    case 'GET pulls': return listPulls(visit)
    case 'GET pulls/:id': return issue?.pull == null ? refuse(404, 'Not Found') : found(presentPull(repository, issue, origin, true))
    case 'GET pulls/:id/reviews': return issue?.pull == null ? refuse(404, 'Not Found') : paged(visit, presentReviews(repository, issue))
  }
  // The name of a branch may hold slashes.
  const reference = /^commits\/(.+)\/(check-runs|status)$/.exec(path.slice(3).join('/'))
  if (method === 'GET' && reference !== null) return ofReference(visit, reference[1]!, reference[2]!)
  return refuse(404, 'Not Found')
}

const ofReference = (visit: Visit, reference: string, what: string): Answer => {
  const { repository } = visit
  const sha = repository.branches.get(reference.replace(/^heads\//, '')) ?? (repository.checks.has(reference) ? reference : undefined)
  if (sha === undefined) return refuse(422, `No commit found for SHA: ${reference}`)
  if (what === 'status') return found(presentCombinedStatus(repository, sha))
  const runs = (repository.checks.get(sha) ?? []).map((check) => presentCheckRun(repository, sha, check))
  const page = paged(visit, runs)
  return { ...page, body: { total_count: runs.length, check_runs: page.body } }
}

const listIssues = (visit: Visit): Answer => {
  const { repository, url, origin } = visit
  const labels = url.searchParams.get('labels')?.split(',').filter((label) => label !== '') ?? []
  const since = Date.parse(url.searchParams.get('since') ?? '')
  const chosen = ordered(visit, inState(visit, repository.issues)).filter((issue) =>
    labels.every((label) => issue.labels.includes(label)) && (Number.isNaN(since) || issue.updated_at >= since))
  return paged(visit, chosen.map((issue) => presentIssue(repository, issue, origin)))
}

const listPulls = (visit: Visit): Answer => {
  const { repository, url, origin } = visit
  const head = url.searchParams.get('head')?.split(':').at(-1)
  const pulls = inState(visit, repository.issues).filter(({ pull }) => pull !== null && (head === undefined || pull.head === head))
  return paged(visit, ordered(visit, pulls).map((issue) => presentPull(repository, issue, origin, false)))
}

const inState = ({ url }: Visit, issues: StoredIssue[]): StoredIssue[] => {
  const state = url.searchParams.get('state') ?? 'open'
  return issues.filter((issue) => state === 'all' || issue.state === state)
}

const ordered = ({ url }: Visit, issues: StoredIssue[]): StoredIssue[] => {
  const sort = url.searchParams.get('sort') ?? 'created'
  const direction = url.searchParams.get('direction') === 'asc' ? 1 : -1
  const value = (issue: StoredIssue): number => sort === 'updated' ? issue.updated_at : sort === 'comments' ? issue.comments : issue.created_at
  return issues.toSorted((a, b) => direction * (value(a) - value(b) || a.number - b.number))
}

const openIssue = async ({ repository, request, origin, now }: Visit): Promise<Answer> => {
  if (bearerOf(request) === READ_ONLY_TOKEN) return forbidden('issues=write')
  const body = await readObject(request)
  if (body === undefined) return refuse(400, 'Problems parsing JSON')
  const { title, body: text = null, labels = [], assignees = [] } = body
  if (typeof title !== 'string' || title.trim() === '') return invalid('Issue', 'title', 'missing_field')
  if (title.length > LONGEST_TITLE) return invalid('Issue', 'title', 'custom', `title is too long (maximum is ${LONGEST_TITLE} characters)`)
  if (text !== null && typeof text !== 'string') return invalid('Issue', 'body', 'invalid')
  if (!isTexts(labels)) return invalid('Label', 'name', 'invalid')
  if (!isTexts(assignees)) return invalid('Issue', 'assignees', 'invalid')
  const issue: StoredIssue = {
    number: Math.max(...repository.issues.map(({ number }) => number)) + 1,
    title,
    body: text,
    state: 'open',
    author: 'storefront-team',
    labels: [...new Set(labels)],
    assignees: [...new Set(assignees)],
    comments: 0,
    created_at: now(),
    updated_at: now(),
    closed_at: null,
    pull: null
  }
  repository.issues.push(issue)
  const presented = presentIssue(repository, issue, origin)
  return { status: 201, body: presented, headers: { location: presented.url } }
}

const changeIssue = async ({ repository, request, origin, now }: Visit, issue: StoredIssue): Promise<Answer> => {
  if (bearerOf(request) === READ_ONLY_TOKEN) return forbidden('issues=write; pull_requests=write')
  const body = await readObject(request)
  if (body === undefined) return refuse(400, 'Problems parsing JSON')
  const { state = issue.state, title = issue.title, body: text = issue.body, labels = issue.labels } = body
  if (state !== 'open' && state !== 'closed') return invalid('Issue', 'state', 'invalid')
  if (typeof title !== 'string' || title.trim() === '') return invalid('Issue', 'title', 'missing_field')
  if (text !== null && typeof text !== 'string') return invalid('Issue', 'body', 'invalid')
  if (!isTexts(labels)) return invalid('Label', 'name', 'invalid')
  const closedAt = state === 'closed' ? issue.closed_at ?? now() : null
  Object.assign(issue, { state, title, body: text, labels: [...new Set(labels)], updated_at: now(), closed_at: closedAt })
  return found(presentIssue(repository, issue, origin))
}

const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every((text) => typeof text === 'string')

const found = (body: unknown): Answer => ({ status: 200, body })

const DEFAULT_PAGE = 30
const LONGEST_PAGE = 100

const paged = ({ url, origin }: Visit, items: unknown[]): Answer => {
  const size = Math.min(positive(url.searchParams.get('per_page')) ?? DEFAULT_PAGE, LONGEST_PAGE)
  const page = positive(url.searchParams.get('page')) ?? 1
  const last = Math.max(Math.ceil(items.length / size), 1)
  const link = (to: number, relation: string): string => {
    const query = new URLSearchParams(url.searchParams)
    query.set('page', String(to))
    return `<${origin}${url.pathname}?${query.toString()}>; rel="${relation}"`
  }
  const links = [
    ...page > 1 ? [link(page - 1, 'prev')] : [],
    ...page < last ? [link(page + 1, 'next'), link(last, 'last')] : [],
    ...page > 1 ? [link(1, 'first')] : []
  ]
  return {
    status: 200,
    body: items.slice((page - 1) * size, page * size),
    headers: links.length === 0 ? {} : { link: links.join(', ') }
  }
}

const positive = (text: string | null): number | undefined => /^[1-9]\d{0,8}$/.test(text ?? '') ? Number(text) : undefined

const DOCUMENTATION = 'https://docs.github.com/rest'

const refuse = (status: number, message: string): Answer => ({ status, body: { message, documentation_url: DOCUMENTATION, status: String(status) } })

const forbidden = (permissions: string): Answer => ({
  ...refuse(403, 'Resource not accessible by personal access token'), headers: { 'x-accepted-github-permissions': permissions }
})

const invalid = (resource: string, field: string, code: string, message?: string): Answer => ({
  status: 422,
  body: {
    message: 'Validation Failed',
    errors: [{ resource, field, code, ...(message === undefined ? {} : { message }) }],
    documentation_url: DOCUMENTATION,
    status: '422'
  }
})

const send = (response: ServerResponse, { status, body, headers }: Answer, head: OutgoingHttpHeaders): void => {
  const text = JSON.stringify(body)
  // Set one by one: the log of requests reads the limit from the response.
  for (const [name, value] of Object.entries({ ...head, ...headers })) if (value !== undefined) response.setHeader(name, value)
  response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(text) })
  response.end(isObject(body) || Array.isArray(body) ? text : '{}')
}

/** The primary limit: counted by the hour from the first request on. */
const createLimit = (now: () => number) => {
  let used = 0
  let resetAt = 0
  const renew = (): void => {
    if (now() < resetAt) return
    used = 0
    resetAt = Math.ceil((now() + HOUR_MS) / 1000) * 1000
  }
  const figures = () => ({ limit: LIMIT_AN_HOUR, remaining: Math.max(LIMIT_AN_HOUR - used, 0), reset: resetAt / 1000, used, resource: 'core' })
  return {
    exhausted (): boolean {
      renew()
      return used >= LIMIT_AN_HOUR
    },
    spend (): void {
      renew()
      used += 1
    },
    headers (): OutgoingHttpHeaders {
      renew()
      return Object.fromEntries(Object.entries(figures()).map(([name, value]) => [`x-ratelimit-${name}`, String(value)]))
    },
    report () {
      renew()
      const core = figures()
      return { resources: { core }, rate: core }
    }
  }
}
