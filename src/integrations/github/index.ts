// GitHub behind its circuit breaker: the repository as a port, and a probe of the token.
import type { BreakerRegistry } from '../../core/breaker-registry.ts'
import { ThrottledError } from '../../core/breaker-registry.ts'
import { faultOf } from '../../core/check.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import type { Random } from '../../core/random.ts'
import { RepositoryError, type Repository } from '../../core/repository.ts'
import type { ProbeResult, Source, Upstream } from '../../core/upstream.ts'
import { createHttpClient, UpstreamError } from '../http/index.ts'
import { createGithubClient, messageOf, type Send } from './client.ts'
import { createLimits } from './limits.ts'
import { createRepository, readRateLimit, repositoryPath } from './repository.ts'
import { RepositoryAnswerSchema } from './schemas.ts'

export interface GithubOptions {
  token: string
  owner?: string | undefined
  /** Without its owner. Without owner or repo there is no repository, and only the token is probed. */
  repo?: string | undefined
  /** Of GitHub Enterprise Server: `https://github.example.com/api/v3`. */
  baseUrl?: string | undefined
  source: Source
  /** Knows `github_api`. */
  breakers: BreakerRegistry
  clock: Clock
  random: Random
  log: Logger
}

export interface Github {
  /** Undefined without an owner and a repo. */
  repository: Repository | undefined
  upstream: Upstream
  close (): Promise<void>
}

const DEPENDENCY = 'github_api'
const BASE_URL = 'https://api.github.com'
const API_VERSION = '2022-11-28'
const DEADLINE_MS = 15_000

/** @throws RepositoryError when the owner or the repo cannot be a name at GitHub. */
export const createGithub = (options: GithubOptions): Github => {
  const { token, owner, repo, baseUrl = BASE_URL, source, breakers, clock, random, log } = options
  const http = createHttpClient({
    dependency: DEPENDENCY,
    baseUrl,
    breakers,
    clock,
    random,
    log,
    // An address that is not GitHub's own was given by whoever runs this: it may lie in their network.
    allowPrivate: new URL(baseUrl).host !== new URL(BASE_URL).host,
    deadlineMs: DEADLINE_MS
  })
  const limits = createLimits(clock.now)
  const { gate } = breakers.get(DEPENDENCY)
  const constant = {
    accept: 'application/vnd.github+json', authorization: `Bearer ${token}`, 'user-agent': 'royal-equips-orchestrator', 'x-github-api-version': API_VERSION
  }

  const send: Send = async ({ method, path, headers, body, schema, maxBytes, signal }) => {
    let throttled = false
    const answer = await http.send({
      method,
      path,
      headers: { ...constant, ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      idempotent: method === 'GET',
      maxBytes,
      signal,
      judge: (got) => {
        const head = { status: got.status, header: got.header, message: messageOf(got.body) }
        const verdict = limits.judge(head, got.retryAfterMs)
        throttled = verdict.kind === 'throttled'
        // The last request of the hour was answered: the next one would be refused.
        const exhaustedMs = limits.exhaustedMs(head)
        if (!throttled && exhaustedMs > 0) gate.close(clock.monotonic() + exhaustedMs)
        return verdict
      }
    }).catch((error: unknown) => { throw moved(error) })
    if (throttled) throw new ThrottledError(DEPENDENCY, gate.remainingMs())
    if (answer.status >= 200 && answer.status < 300) {
      const fault = await faultOf(schema, answer.body)
      if (fault !== undefined) {
        throw new UpstreamError(DEPENDENCY, 'upstream_answer_invalid', `GitHub's answer to ${path.split('?')[0]} is not what its documentation says: ${fault}.`)
      }
    }
    return answer
  }

  const client = createGithubClient(send, baseUrl)
  const repository = owner === undefined || repo === undefined
    ? undefined
    : createRepository({ client, owner, repo, source, clock, sent: mayHaveArrived })

  const probe = async (signal: AbortSignal): Promise<ProbeResult> => {
    if (owner === undefined || repo === undefined) {
      const { limit, remaining } = await readRateLimit(client, signal)
      const missing = [...(owner === undefined ? ['GITHUB_REPO_OWNER'] : []), ...(repo === undefined ? ['GITHUB_REPO_NAME'] : [])]
      return {
        message: `GitHub accepts the token; set ${missing.join(' and ')} to read a repository.`,
        missing_scopes: [],
        details: { rate_limit: limit, rate_limit_remaining: remaining }
      }
    }
    const { value, header } = await client.get(repositoryPath(owner, repo), RepositoryAnswerSchema, (answer) => answer, signal)
    const limit = Number(header('x-ratelimit-limit') ?? NaN)
    const remaining = Number(header('x-ratelimit-remaining') ?? NaN)
    const told = Number.isInteger(limit) && Number.isInteger(remaining)
    return {
      message: `Repository ${value.full_name} answers${told ? `; ${remaining} of ${limit} requests an hour are left` : ''}.`,
      missing_scopes: missingScopes(header('x-oauth-scopes'), value.private),
      details: { repository: value.full_name, default_branch: value.default_branch, ...(told ? { rate_limit: limit, rate_limit_remaining: remaining } : {}) }
    }
  }

  return {
    repository,
    upstream: { name: DEPENDENCY, source, host: new URL(baseUrl).host, probe },
    close: async () => await http.close()
  }
}

/** Only classic tokens say what they may do; opening issues takes `repo`, or `public_repo` where the repository is public. */
const missingScopes = (told: string | undefined, isPrivate: boolean): string[] => {
  if (told === undefined) return []
  const scopes = told.split(',').map((scope) => scope.trim())
  if (scopes.includes('repo') || (!isPrivate && scopes.includes('public_repo'))) return []
  return [isPrivate ? 'repo' : 'public_repo']
}

/** Whether a call that failed this way may have had its effect: not when it was held back, and not when GitHub refused it. */
const mayHaveArrived = (error: unknown): boolean => error instanceof UpstreamError
  ? error.code !== 'upstream_forbidden_host'
  : error instanceof RepositoryError && error.code === 'repository_unavailable'

/** GitHub answers for a repository that was renamed with a redirect to its number, which the HTTP client does not follow. */
const moved = (error: unknown): unknown => error instanceof UpstreamError && error.code === 'upstream_redirected'
  ? new RepositoryError('repository_not_found',
    'GitHub sends us elsewhere: if the repository was renamed or moved, set GITHUB_REPO_OWNER and GITHUB_REPO_NAME to its new name.', { cause: error })
  : error
