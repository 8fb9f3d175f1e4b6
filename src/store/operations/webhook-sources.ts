// What is known of the webhooks that come: their topics, and the latest state of each thing that was told of.
import { all, run, type Operation, type Tx } from '../statement.ts'

export function * webhookTopics (): Operation<Array<{ topic: string, first_at: number, checked_to: number }>> {
  return yield * all('SELECT topic, first_at, checked_to FROM webhook_topics ORDER BY topic')
}

export function * topicChecked (_tx: Tx, { topic, to }: { topic: string, to: number }): Operation<void> {
  yield * run('UPDATE webhook_topics SET checked_to = ? WHERE topic = ? AND checked_to < ?', to, topic, to)
}

export function * changesSeen (_tx: Tx, resources: string[]): Operation<Record<string, number>> {
  const rows = yield * all<{ resource: string, at: number }>(
    "SELECT resource, changed_at AS at FROM changes_seen WHERE reader = '' AND resource IN (SELECT value FROM json_each(?))", JSON.stringify(resources))
  return Object.fromEntries(rows.map(({ resource, at }) => [resource, at]))
}

export function * forgetChanges (_tx: Tx, { before }: { before: number }): Operation<number> {
  return (yield * all('DELETE FROM changes_seen WHERE seen_at < ? RETURNING resource', before)).length
}
