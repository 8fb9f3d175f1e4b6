// Every place where texts of people can stand: which columns of which table, and in which form. A test compares this list with the schema.

/** `lines`: a line of the stream, JSON behind two tabs; `jsonl`: JSON a line; `answer`: JSON, or plain text. */
export type Form = 'text' | 'json' | 'lines' | 'jsonl' | 'answer'

export interface PersonalPlace {
  table: string
  /** Its primary key, or a unique index. */
  key: readonly string[]
  columns: Readonly<Record<string, Form>>
}

const place = (table: string, key: string | string[], columns: Record<string, Form>): PersonalPlace => ({ table, key: [key].flat(), columns })

/** Streams come first: what was said in pieces is found by the whole of it. */
export const PERSONAL_PLACES: readonly PersonalPlace[] = [
  place('stream_chunks', ['stream', 'seq'], { body: 'lines' }),
  place('messages', ['session_id', 'seq'], { content: 'text' }),
  place('events', 'id', { type: 'text', data: 'json', timestamp: 'text', source: 'text' }),
  place('jobs', 'id', {
    payload: 'json',
    output: 'json',
    error: 'json',
    failures: 'json',
    progress: 'json',
    reason: 'text',
    cancel_requested: 'text',
    dedupe_key: 'text',
    source: 'text'
  }),
  place('schedules', 'id', { input: 'json' }),
  place('agents', 'name', { last_error: 'text', paused_reason: 'text' }),
  place('breaker_holds', 'name', { reason: 'text' }),
  place('freezes', 'id', { reason: 'text' }),
  place('proposals', 'id', {
    key: 'text',
    title: 'text',
    rationale: 'json',
    items: 'json',
    evidence: 'json',
    expected_gain: 'json',
    verdict: 'json',
    reason: 'text',
    requested_by: 'text',
    score: 'json'
  }),
  place('effects', 'id', { target: 'text', item: 'json', before: 'json', after: 'json', result: 'json', error: 'json' }),
  place('texts', 'id', { body: 'text' }),
  place('history_orders', 'id', { body: 'json' }),
  place('feeds', 'name', { columns: 'json' }),
  place('feed_chunks', ['feed_id', 'seq'], { body: 'json' }),
  place('idempotency_keys', ['scope', 'key'], { effect: 'json', body: 'answer', location: 'text', key: 'text' }),
  place('webhook_endpoints', 'id', { description: 'text', reason: 'text' }),
  place('webhook_deliveries', 'id', { body: 'json', last_error: 'text' }),
  place('privacy_exports', ['request_id', 'seq'], { body: 'jsonl' })
]
