// The repository port on GitHub.
import type { Clock } from '../../core/clock.ts'
import { RepositoryError, type RateLimit, type Repository, type RepositoryReading } from '../../core/repository.ts'
import type { Source } from '../../core/upstream.ts'
import { LONG_BYTES, type GithubClient } from './client.ts'
import { createIssueOpener } from './issue-opener.ts'
import { readCheckRuns, readIssue, readPullRequest, readReviews, readStatuses, worstOf } from './readings.ts'
import {
  CheckRunListSchema, CombinedStatusSchema, IssueListSchema, PullRequestAnswerSchema, PullRequestListSchema, RateLimitAnswerSchema,
  RepositoryAnswerSchema, ReviewListSchema, type IssueItem
} from './schemas.ts'

export interface RepositoryOptions {
  client: GithubClient
  owner: string
  repo: string
  source: Source
  clock: Pick<Clock, 'now'>
  /** Whether a call that failed this way may have reached GitHub all the same. */
  sent: (error: unknown) => boolean
}

const DEFAULT_ITEMS = 100
const MOST_ITEMS = 500
const MOST_REVIEWS = 500
const MOST_CHECKS = 500
/** Whatever is asked for: pages of one size are answered from the ETag cache more often. */
const PAGE = 100

export const createRepository = ({ client, owner, repo, source, clock, sent }: RepositoryOptions): Repository => {
  const path = repositoryPath(owner, repo)
  const openIssue = createIssueOpener(client, path, sent)
  const stamp = (): RepositoryReading => ({ source, read_at: clock.now() })

  return {
    name: `${owner}/${repo}`,
    source,

    async status ({ signal }) {
      const [{ value: found }, pulls] = await Promise.all([
        client.get(path, RepositoryAnswerSchema, (answer) => answer, signal),
        // One a page: the number of the last page is their count.
        client.get(`${path}/pulls?state=open&per_page=1`, PullRequestListSchema, (list) => list.length, signal, LONG_BYTES)
      ])
      const openPulls = pulls.value === 0 ? 0 : pulls.pages
      return {
        full_name: found.full_name,
        url: found.html_url,
        visibility: found.visibility ?? (found.private ? 'private' : 'public'),
        archived: found.archived,
        default_branch: found.default_branch,
        // The two answers may be a moment apart.
        open_issues: Math.max(0, found.open_issues_count - openPulls),
        open_pull_requests: openPulls,
        pushed_at: found.pushed_at === null ? null : Date.parse(found.pushed_at),
        ...stamp()
      }
    },

    async pullRequests ({ signal, limit = DEFAULT_ITEMS }) {
      checkLimit(limit)
      const query = `${path}/pulls?state=open&sort=updated&direction=desc&per_page=${PAGE}`
      return { ...await client.list(query, PullRequestListSchema, (list) => list.map(readPullRequest), limit, signal), ...stamp() }
    },

    async pullRequest (number, { signal }) {
      if (!Number.isSafeInteger(number) || number < 1) throw new RepositoryError('repository_invalid_request', 'A pull request has a number from 1.')
      const [{ value: found }, reviews] = await Promise.all([
        client.get(`${path}/pulls/${number}`, PullRequestAnswerSchema, (answer) => answer, signal, LONG_BYTES),
        client.list(`${path}/pulls/${number}/reviews?per_page=${PAGE}`, ReviewListSchema, (list) => list, MOST_REVIEWS, signal)
      ])
      return {
        ...readPullRequest(found),
        state: found.state,
        merged: found.merged,
        mergeable: found.mergeable,
        review: readReviews(reviews.items),
        additions: found.additions,
        deletions: found.deletions,
        changed_files: found.changed_files,
        ...stamp()
      }
    },

    async issues ({ signal, limit = DEFAULT_ITEMS, state = 'open', labels = [] }) {
      checkLimit(limit)
      const query = new URLSearchParams({ state, sort: 'updated', direction: 'desc', per_page: String(PAGE) })
      if (labels.length > 0) query.set('labels', labels.join(','))
      const read = (list: IssueItem[]) => list.filter((item) => item.pull_request === undefined).map(readIssue)
      return { ...await client.list(`${path}/issues?${query}`, IssueListSchema, read, limit, signal), ...stamp() }
    },

    async checks ({ signal, ref }) {
      const of = ref ?? (await client.get(path, RepositoryAnswerSchema, (answer) => answer, signal)).value.default_branch
      const commit = `${path}/commits/${refPath(of)}`
      const [runs, statuses] = await Promise.all([
        client.list(`${commit}/check-runs?filter=latest&per_page=${PAGE}`, CheckRunListSchema, readCheckRuns, MOST_CHECKS, signal),
        client.list(`${commit}/status?per_page=${PAGE}`, CombinedStatusSchema, readStatuses, MOST_CHECKS, signal)
      ])
      const checks = [...runs.items, ...statuses.items]
      return { ref: of, state: worstOf(checks), checks, ...stamp() }
    },

    rateLimit: async ({ signal }) => ({ ...await readRateLimit(client, signal), ...stamp() }),
    openIssue: async (issue, { signal }) => ({ ...await openIssue(issue, signal), ...stamp() })
  }
}

export const readRateLimit = async (client: GithubClient, signal: AbortSignal): Promise<Omit<RateLimit, keyof RepositoryReading>> => {
  const { limit, remaining, used, reset } = (await client.get('/rate_limit', RateLimitAnswerSchema, (answer) => answer.resources.core, signal)).value
  return { limit, remaining, used, resets_at: reset * 1000 }
}

/** Names as GitHub has them; anything else would change the path. @throws RepositoryError */
export const repositoryPath = (owner: string, repo: string): string => {
  if (!/^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,99})$/.test(owner)) {
    throw new RepositoryError('repository_invalid_request', `${JSON.stringify(owner)} is no name of an account at GitHub: check GITHUB_REPO_OWNER.`)
  }
  if (!/^[A-Za-z0-9._-]{1,100}$/.test(repo) || repo === '.' || repo === '..') {
    throw new RepositoryError('repository_invalid_request', `${JSON.stringify(repo)} is no name of a repository, without its owner: check GITHUB_REPO_NAME.`)
  }
  return `/repos/${owner}/${repo}`
}

/** A branch may hold slashes, which stay; no part of it may step up in the path. */
const refPath = (ref: string): string => {
  const parts = ref.split('/')
  if (ref.length > 250 || !ref.isWellFormed() || parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new RepositoryError('repository_invalid_request', `${JSON.stringify(ref)} is no name of a branch, tag or commit.`)
  }
  return parts.map(encodeURIComponent).join('/')
}

const checkLimit = (limit: number): void => {
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST_ITEMS) throw new RepositoryError('repository_invalid_request', `limit is from 1 to ${MOST_ITEMS}.`)
}
