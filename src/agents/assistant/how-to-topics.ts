// Finds the how-to that a clause asks for: the first rule whose verbs and nouns both turn up.
import type { HowToTopic } from './how-to.ts'
import { wordSet, type Words } from './words.ts'

interface Rule {
  topic: HowToTopic
  verbs?: ReadonlySet<string>
  nouns: ReadonlySet<string>
}

const AGENT = wordSet('agent agents bot bots')
const JOB = wordSet('job jobs task tasks run runs')
const STOP = wordSet('cancel stop abort interrupt halt kill')
const CONFIGURE = wordSet('configure connect set setup link integrate enable add install')

const RULES: Rule[] = [
  { topic: 'freeze', nouns: wordSet('freeze frozen freezes unfreeze thaw') },
  { topic: 'undo', nouns: wordSet('undo revert rollback') },
  { topic: 'decide', nouns: wordSet('proposal proposals approve reject approval approvals') },
  { topic: 'cancel_reply', verbs: STOP, nouns: wordSet('reply replies answer answers answering response message talking you') },
  { topic: 'pause_agent', verbs: wordSet('pause resume unpause enable disable stop'), nouns: AGENT },
  { topic: 'schedules', nouns: wordSet('schedule schedules scheduled reschedule cron timetable') },
  { topic: 'run_agent', verbs: wordSet('run start trigger launch execute use'), nouns: AGENT },
  { topic: 'cancel_job', verbs: STOP, nouns: JOB },
  { topic: 'retry_job', verbs: wordSet('retry redo requeue repeat rerun redrive'), nouns: JOB },
  { topic: 'post_event', nouns: wordSet('event events webhook webhooks') },
  { topic: 'read_messages', verbs: wordSet('read list see show'), nouns: wordSet('messages conversation conversations sessions') },
  { topic: 'read_stream', nouns: wordSet('stream streaming sse live') },
  { topic: 'send_message', verbs: wordSet('send post write'), nouns: wordSet('message messages question') },
  { topic: 'talk', nouns: wordSet('session chat talk assistant speak begin') },
  { topic: 'list_agents', nouns: AGENT },
  { topic: 'list_jobs', nouns: wordSet('job jobs task tasks queue') },
  { topic: 'circuit_breakers', nouns: wordSet('breaker breakers circuit') },
  { topic: 'health', nouns: wordSet('health healthy ready readiness probe alive') },
  { topic: 'metrics', nouns: wordSet('metric metrics prometheus monitor monitoring grafana memory') },
  { topic: 'docs', nouns: wordSet('docs api documentation openapi swagger reference endpoint endpoints routes') }
]

const UPSTREAM_TOPICS: Record<string, HowToTopic> = {
  shopify_api: 'configure_shopify', github_api: 'configure_github', bigquery: 'configure_bigquery', llm: 'configure_llm'
}

/** `agent`: one is named. `upstream`: the one that is named. */
export const howToTopicOf = (words: Words, named: { agent: boolean, upstream: string | undefined }): HowToTopic | undefined => {
  const has = (set: ReadonlySet<string>): boolean => words.some((word) => set.has(word))
  if (named.upstream !== undefined) return has(CONFIGURE) ? UPSTREAM_TOPICS[named.upstream] : undefined
  return RULES.find(({ verbs, nouns }) => (verbs === undefined || has(verbs)) && (has(nouns) || (nouns === AGENT && named.agent)))?.topic
}
