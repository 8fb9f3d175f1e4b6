// What is believed of GitHub's answers: the parts that are used, and nothing that is not checked.
import { Type, type Static, type TSchema } from '@sinclair/typebox'

const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const Time = Type.String({ pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?(Z|[+-]\\d\\d:\\d\\d)$' })
const Url = Type.String({ pattern: '^https?://' })
const Count = Type.Integer({ minimum: 0 })
/** The account is null when it was deleted. */
const Account = Nullable(Type.Object({ login: Type.String() }))
const LabelSchema = Type.Object({ name: Type.String() })

export const RepositoryAnswerSchema = Type.Object({
  full_name: Type.String(),
  html_url: Url,
  private: Type.Boolean(),
  visibility: Type.Optional(Type.Union([Type.Literal('public'), Type.Literal('private'), Type.Literal('internal')])),
  archived: Type.Boolean(),
  has_issues: Type.Optional(Type.Boolean()),
  default_branch: Type.String({ minLength: 1 }),
  open_issues_count: Count,
  pushed_at: Nullable(Time)
})

const PullRequestFields = {
  number: Type.Integer({ minimum: 1 }),
  title: Type.String(),
  html_url: Url,
  user: Account,
  draft: Type.Optional(Type.Boolean()),
  head: Type.Object({ ref: Type.String(), sha: Type.String() }),
  base: Type.Object({ ref: Type.String() }),
  labels: Type.Array(LabelSchema),
  requested_reviewers: Type.Optional(Type.Array(Type.Object({ login: Type.String() }))),
  requested_teams: Type.Optional(Type.Array(Type.Object({ slug: Type.String() }))),
  created_at: Time,
  updated_at: Time
}
const PullRequestItemSchema = Type.Object(PullRequestFields)
export type PullRequestItem = Static<typeof PullRequestItemSchema>
export const PullRequestListSchema = Type.Array(PullRequestItemSchema)

export const PullRequestAnswerSchema = Type.Object({
  ...PullRequestFields,
  state: Type.Union([Type.Literal('open'), Type.Literal('closed')]),
  merged: Type.Boolean(),
  mergeable: Nullable(Type.Boolean()),
  additions: Count,
  deletions: Count,
  changed_files: Count
})

export const ReviewListSchema = Type.Array(Type.Object({ user: Account, state: Type.String() }))
export type ReviewList = Static<typeof ReviewListSchema>

const IssueItemSchema = Type.Object({
  number: Type.Integer({ minimum: 1 }),
  title: Type.String(),
  html_url: Url,
  user: Account,
  state: Type.Union([Type.Literal('open'), Type.Literal('closed')]),
  /** Old issues carry labels as text. */
  labels: Type.Array(Type.Union([Type.String(), Type.Object({ name: Type.Optional(Nullable(Type.String())) })])),
  assignees: Type.Optional(Nullable(Type.Array(Type.Object({ login: Type.String() })))),
  comments: Count,
  body: Type.Optional(Nullable(Type.String())),
  /** Only pull requests have it: GitHub lists them as issues too. */
  pull_request: Type.Optional(Type.Unknown()),
  created_at: Time,
  updated_at: Time
})
export type IssueItem = Static<typeof IssueItemSchema>
export const IssueListSchema = Type.Array(IssueItemSchema)
export const CreatedIssueSchema = Type.Object({ number: Type.Integer({ minimum: 1 }), html_url: Url })

export const CheckRunListSchema = Type.Object({
  total_count: Count,
  check_runs: Type.Array(Type.Object({
    name: Type.String(), status: Type.String(), conclusion: Nullable(Type.String()), html_url: Type.Optional(Nullable(Type.String()))
  }))
})
export type CheckRunList = Static<typeof CheckRunListSchema>

export const CombinedStatusSchema = Type.Object({
  total_count: Count,
  statuses: Type.Array(Type.Object({ context: Type.String(), state: Type.String(), target_url: Type.Optional(Nullable(Type.String())) }))
})
export type CombinedStatus = Static<typeof CombinedStatusSchema>

export const RateLimitAnswerSchema = Type.Object({
  resources: Type.Object({ core: Type.Object({ limit: Count, remaining: Count, used: Count, reset: Count }) })
})
