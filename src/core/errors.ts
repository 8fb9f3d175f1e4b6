// Every error that can reach a caller, with its stable code, HTTP status and default sentence.

const CATALOGUE = {
  validation_failed: [400, 'The request does not fit the schema.'],
  malformed_json: [400, 'The body is not valid JSON.'],
  malformed_text: [400, 'The body holds text that cannot be stored: a NUL character, a lone surrogate or invalid UTF-8.'],
  nested_too_deeply: [400, 'The body is nested more than 64 levels deep.'],
  malformed_request: [400, 'The request is not valid HTTP.'],
  invalid_cursor: [400, 'The cursor was not made by this list.'],
  invalid_last_event_id: [400, 'Last-Event-ID was not sent by this stream.'],
  invalid_input: [400, 'The input does not fit the schema of the agent.'],
  invalid_feed: [400, 'The list is not valid CSV, or lacks a column that it needs.'],
  invalid_idempotency_key: [400, 'Idempotency-Key is 1 to 255 visible ASCII characters, quoted or plain.'],
  invalid_schedule: [400, 'The cron line or the time zone is not valid.'],
  credential_missing: [401, 'This needs a key: send it as Authorization: Bearer reo_… or as X-API-Key.'],
  credential_malformed: [401, 'What was sent is no key of ours: is it whole?'],
  credential_ambiguous: [401, 'Send one credential, once: in Authorization or in X-API-Key.'],
  credential_in_query: [401, 'A credential in the address ends up in logs: send it in a header, and revoke this one.'],
  credential_invalid: [401, 'The credential is not known, has expired or was revoked.'],
  invalid_signature: [401, 'The signature does not fit the body and the key.'],
  forbidden: [403, 'The role or the scopes of the credential do not reach so far.'],
  actor_mismatch: [403, 'The actor is the name of the key: name that one, or none.'],
  local_callers_only: [403, 'This is answered only to callers on the machine itself: it tells of the configuration.'],
  not_found: [404, 'There is nothing here.'],
  session_not_found: [404, 'No session has this id.'],
  job_not_found: [404, 'No job has this id.'],
  agent_not_found: [404, 'No agent has this name.'],
  event_not_found: [404, 'No event has this id.'],
  schedule_not_found: [404, 'No schedule has this id.'],
  proposal_not_found: [404, 'No proposal has this id.'],
  effect_not_found: [404, 'No effect has this id.'],
  freeze_not_found: [404, 'No freeze that stands has this id.'],
  key_not_found: [404, 'No key has this id.'],
  endpoint_not_found: [404, 'No endpoint of webhooks has this id.'],
  privacy_request_not_found: [404, 'No request about personal data has this id.'],
  delivery_not_found: [404, 'No delivery to this endpoint has this id.'],
  feed_not_found: [404, 'No list of this name was handed in.'],
  output_not_found: [404, 'The job has no output: only a run of an agent that succeeded has one.'],
  method_not_allowed: [405, 'This resource does not answer this method.'],
  csv_not_available: [406, 'The output of this agent is no table: ask for it as JSON.'],
  request_timeout: [408, 'The request did not arrive in time.'],
  session_busy: [409, 'A reply is under way in this session and multitask_strategy is "reject".'],
  agent_paused: [409, 'The agent is paused: resume it first.'],
  job_finished: [409, 'The job has already ended.'],
  job_not_finished: [409, 'Only a job that failed, died or was cancelled can be retried.'],
  proposal_not_pending: [409, 'The proposal does not wait for a decision any more.'],
  proposal_expired: [409, 'The time in which the plan made sense is over.'],
  plan_changed: [409, 'The plan is not the one that was seen: look at it again.'],
  approval_refused: [409, 'The policy does not take this approval.'],
  policy_changed: [409, 'The policy was changed meanwhile: look at it again.'],
  effect_not_revertible: [409, 'The effect cannot be undone.'],
  effect_moved: [409, 'The shop is not any more as the effect left it: undoing it would undo what somebody else did.'],
  schedule_exists: [409, 'A schedule with this id exists.'],
  schedule_is_built_in: [409, 'This schedule belongs to its agent: pause it instead.'],
  feed_replaced: [409, 'The list was replaced or deleted while it was read: read it again.'],
  idempotency_in_progress: [409, 'A request with this Idempotency-Key is being worked on: retry for its answer.'],
  payload_too_large: [413, 'The body is larger than the limit.'],
  uri_too_long: [414, 'The URL is longer than the limit.'],
  unsupported_media_type: [415, 'Send the body as application/json in UTF-8.'],
  expectation_failed: [417, 'The Expect header cannot be met.'],
  idempotency_key_reused: [422, 'This Idempotency-Key was used for another request: take a new one.'],
  rate_limited: [429, 'Too many requests: the quota is spent for now.'],
  too_many_streams: [429, 'Too many streams are open: close some first.'],
  queue_full: [429, 'Too many messages wait in this session: retry when some are answered.'],
  headers_too_large: [431, 'The request headers are larger than the limit.'],
  internal_error: [500, 'Something failed on our side. Quote the request id when you ask about it.'],
  model_failed: [502, 'The language model broke off in the middle of its answer.'],
  store_unavailable: [503, 'The store did not answer: whether the write happened is unknown. Retry.'],
  shop_not_configured: [503, 'There is no shop: configure one, or let the sandbox stand in.'],
  overloaded: [503, 'The process is late with everything: retry in a moment.'],
  too_much_queued: [503, 'Too many jobs wait: retry when some are done.'],
  identity_unavailable: [503, 'Who issued the token cannot be asked for its keys now: retry later.'],
  dependency_unavailable: [503, 'A service that this needs cannot be reached now: retry later.'],
  webhooks_not_configured: [503, 'No key for the signatures is configured: set SHOPIFY_WEBHOOK_SECRET or GITHUB_WEBHOOK_SECRET.'],
  metrics_disabled: [503, 'Metrics are switched off by ENABLE_METRICS.'],
  shutting_down: [503, 'The server stops: retry in a moment.'],
  store_full: [507, 'The disk of the store is full: nothing was written.']
} as const satisfies Record<string, readonly [number, string]>

export type ErrorCode = keyof typeof CATALOGUE

export interface ErrorOptions {
  /** Replaces the sentence of the catalogue. Never put exception text or secrets here: callers see it. */
  message?: string
  /** The text of `error` in the answer, where the contract names one. Default: the reason phrase of the status. */
  title?: string
  /** Sent as Retry-After, rounded up to seconds. */
  retryAfterMs?: number
  cause?: unknown
}

/** An error that may be shown to a caller: `code` is stable, `statusCode` is what HTTP answers. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly statusCode: number
  readonly title: string | undefined
  readonly retryAfterMs: number | undefined

  constructor (code: ErrorCode, options: ErrorOptions = {}) {
    super(options.message ?? CATALOGUE[code][1], { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.statusCode = CATALOGUE[code][0]
    this.title = options.title
    this.retryAfterMs = options.retryAfterMs
  }
}

/** The whole catalogue, for the API document: code, status, sentence. */
export const errorCatalogue = (): Array<{ code: ErrorCode, statusCode: number, message: string }> =>
  Object.entries(CATALOGUE).map(([code, [statusCode, message]]) => ({ code: code as ErrorCode, statusCode, message }))

/** Text of an unknown thrown value, for logs and job records. Never for answers to callers. */
export const errorText = (error: unknown): string => error instanceof Error ? error.message : String(error)
