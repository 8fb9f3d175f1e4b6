// What GitHub's answers mean in the words of the port.
import type { Check, Issue, PullRequest, PullRequestDetail, RefChecks } from '../../core/repository.ts'
import type { CheckRunList, CombinedStatus, IssueItem, PullRequestItem, ReviewList } from './schemas.ts'

export const readPullRequest = (item: PullRequestItem): PullRequest => ({
  number: item.number,
  title: item.title,
  url: item.html_url,
  author: item.user?.login ?? null,
  draft: item.draft ?? false,
  head: item.head.ref,
  head_sha: item.head.sha,
  base: item.base.ref,
  labels: item.labels.map((label) => label.name),
  review_requested_from: [
    ...(item.requested_reviewers ?? []).map((person) => person.login),
    ...(item.requested_teams ?? []).map((team) => team.slug)
  ],
  created_at: Date.parse(item.created_at),
  updated_at: Date.parse(item.updated_at)
})

/** Reviews come oldest first; a comment leaves the reviewer's earlier word standing, a dismissal takes it back. */
export const readReviews = (reviews: ReviewList): PullRequestDetail['review'] => {
  const last = new Map<string, string>()
  for (const { user, state } of reviews) {
    const word = state.toUpperCase()
    if (word !== 'COMMENTED' && word !== 'PENDING') last.set(user?.login ?? '', word)
  }
  const words = [...last.values()]
  if (words.includes('CHANGES_REQUESTED')) return 'changes_requested'
  return words.includes('APPROVED') ? 'approved' : 'none'
}

export const readIssue = (item: IssueItem): Issue => ({
  number: item.number,
  title: item.title,
  url: item.html_url,
  author: item.user?.login ?? null,
  state: item.state,
  labels: item.labels.flatMap((label) => typeof label === 'string' ? [label] : label.name == null ? [] : [label.name]),
  assignees: (item.assignees ?? []).map((person) => person.login),
  comments: item.comments,
  created_at: Date.parse(item.created_at),
  updated_at: Date.parse(item.updated_at)
})

const PASSING = new Set(['success', 'neutral', 'skipped'])

export const readCheckRuns = (list: CheckRunList): Check[] => list.check_runs.map((run) => {
  const reported = run.status === 'completed' ? run.conclusion ?? 'unknown' : run.status
  const state = run.status !== 'completed' ? 'pending' : PASSING.has(reported) ? 'passing' : 'failing'
  return { name: run.name, state, reported, url: run.html_url ?? null }
})

// The combined status itself says "pending" where nothing has reported: only its parts are read.
export const readStatuses = (combined: CombinedStatus): Check[] => combined.statuses.map(({ context, state, target_url: url }) => ({
  name: context,
  state: state === 'success' ? 'passing' : state === 'pending' ? 'pending' : 'failing',
  reported: state,
  url: url ?? null
}))

export const worstOf = (checks: Check[]): RefChecks['state'] => {
  if (checks.length === 0) return 'none'
  if (checks.some((check) => check.state === 'failing')) return 'failing'
  return checks.some((check) => check.state === 'pending') ? 'pending' : 'passing'
}
