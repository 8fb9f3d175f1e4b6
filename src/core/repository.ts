// The code repository of the shop as agents and the assistant see it: how it is doing, and one way to report a problem there.
import type { Source } from './upstream.ts'

/** Where an answer comes from and when it was true, milliseconds since the epoch. */
export interface RepositoryReading {
  source: Source
  read_at: number
}

export interface RepositoryStatus extends RepositoryReading {
  /** `owner/name`. */
  full_name: string
  url: string
  visibility: 'public' | 'private' | 'internal'
  archived: boolean
  default_branch: string
  /** Without pull requests, which GitHub counts as issues. */
  open_issues: number
  open_pull_requests: number
  /** The last push to any branch; null for an empty repository. */
  pushed_at: number | null
}

export interface PullRequest {
  number: number
  title: string
  url: string
  /** The account that opened it; null when that account is gone. */
  author: string | null
  draft: boolean
  head: string
  head_sha: string
  base: string
  labels: string[]
  /** People and teams whose review is asked for and not yet given. */
  review_requested_from: string[]
  created_at: number
  updated_at: number
}

export interface PullRequestDetail extends PullRequest, RepositoryReading {
  state: 'open' | 'closed'
  merged: boolean
  /** Null while GitHub is still working it out: ask again in some seconds. */
  mergeable: boolean | null
  /** By each reviewer's last word. */
  review: 'approved' | 'changes_requested' | 'none'
  additions: number
  deletions: number
  changed_files: number
}

export interface Issue {
  number: number
  title: string
  url: string
  author: string | null
  state: 'open' | 'closed'
  labels: string[]
  assignees: string[]
  comments: number
  created_at: number
  updated_at: number
}

export interface RepositoryList<T> extends RepositoryReading {
  items: T[]
  /** True when there is a further one; for issues, when there may be. */
  more: boolean
}

export interface Check {
  name: string
  /** `failing` counts errors, time-outs and cancelled runs; `neutral` and skipped runs are `passing`. */
  state: 'passing' | 'failing' | 'pending'
  /** The upstream's own word: `success`, `timed_out`, `in_progress`, ... */
  reported: string
  url: string | null
}

export interface RefChecks extends RepositoryReading {
  ref: string
  /** The worst of its checks; `none` when nothing has reported. */
  state: 'passing' | 'failing' | 'pending' | 'none'
  checks: Check[]
}

export interface RateLimit extends RepositoryReading {
  /** Requests an hour. */
  limit: number
  remaining: number
  used: number
  resets_at: number
}

export interface NewIssue {
  /** Names this effect for ever: a second call with it finds the first one's issue. At most 200 characters. */
  effect_key: string
  /** At most 256 characters. */
  title: string
  /** Markdown, at most 60,000 characters. */
  body: string
  labels?: readonly string[]
}

export interface OpenedIssue extends RepositoryReading {
  number: number
  url: string
  /** False: an earlier call with this key had opened it. */
  created: boolean
}

interface CallOptions {
  signal: AbortSignal
}

/** Everything throws RepositoryError, and what the calls to upstreams throw: CircuitOpenError, ThrottledError, and errors with a `code`. */
export interface Repository {
  /** `owner/name`. */
  readonly name: string
  readonly source: Source
  status (options: CallOptions): Promise<RepositoryStatus>
  /** Open ones, the latest changed first. `limit` from 1 to 500, default 100. */
  pullRequests (options: CallOptions & { limit?: number }): Promise<RepositoryList<PullRequest>>
  pullRequest (number: number, options: CallOptions): Promise<PullRequestDetail>
  /** Without pull requests, the latest changed first. `limit` from 1 to 500, default 100; `state` default open. */
  issues (options: CallOptions & { limit?: number, state?: 'open' | 'closed' | 'all', labels?: readonly string[] }): Promise<RepositoryList<Issue>>
  /** What has been reported of a branch, tag or commit; the default branch without one. */
  checks (options: CallOptions & { ref?: string }): Promise<RefChecks>
  /** Costs nothing of the limit. */
  rateLimit (options: CallOptions): Promise<RateLimit>
  /**
   * Opens an issue once for each effect key. Never sends it twice by itself: when the answer is lost and the issue is not to be found, it
   * throws `repository_outcome_unknown`, and calling again with the same key is safe, better after half a minute.
   */
  openIssue (issue: NewIssue, options: CallOptions): Promise<OpenedIssue>
}

export type RepositoryErrorCode =
  /** The token is not accepted. */
  | 'repository_credential_rejected'
  /** The token lacks a right; the message names it where GitHub does. */
  | 'repository_access_denied'
  /** It does not exist, or the token may not see it: GitHub does not tell these apart. */
  | 'repository_not_found'
  /** What was asked cannot be done: a title too long, a label that is not text, issues switched off. */
  | 'repository_invalid_request'
  /** It answers that it is failing: try again later. */
  | 'repository_unavailable'
  /** The issue may or may not have been opened. */
  | 'repository_outcome_unknown'

/** Safe to show: holds no credential and no answer of the upstream beyond its own short message. */
export class RepositoryError extends Error {
  readonly code: RepositoryErrorCode

  constructor (code: RepositoryErrorCode, message: string, options: { cause?: unknown } = {}) {
    super(message, options)
    this.name = 'RepositoryError'
    this.code = code
  }
}
