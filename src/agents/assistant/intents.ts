// Recognises what a message asks for, by plain English words. What starts or cancels something has to be said in so many words.
import type { JobStatus } from '../../core/model.ts'
import { howToTopicOf } from './how-to-topics.ts'
import type { HowToTopic } from './how-to.ts'
import { consistsOf, includes, says, type Clause, type Intent, type Vocabulary } from './intent.ts'
import { periodIn } from './periods.ts'
import { commonPeriod, ofBigquery, ofGithub, ofPeriodAlone, ofShop, ofStockAlone } from './shop-intents.ts'
import * as known from './vocabulary.ts'
import { agentIn, idsIn, QUESTION, spaced, takeApart, type NamedAgent, type Words } from './words.ts'

export type { Intent, Vocabulary } from './intent.ts'

const MOST_ANSWERED = 5
// The agent that looks at the service itself: "check the system" means it.
const SYSTEM_AGENT = 'watchdog'

/** What the message asks for, in its order, each thing once; at least one. Never throws. */
export const recognise = (content: string, vocabulary: Vocabulary): Intent[] => {
  const { sentences, ids } = takeApart(content)
  const found = new Map<string, Intent>()
  let rest = false
  for (const { clauses, plain } of sentences) {
    let previous: Intent | undefined
    const common = commonPeriod(clauses)
    for (const words of clauses) {
      const period = periodIn(words)?.period ?? common
      const intents = understand({ words, text: spaced(words), ids: idsIn(words, ids), plain, previous, period, vocabulary })
      if (intents.length === 0 && !words.every((word) => known.FILLER.has(word))) rest = true
      for (const intent of intents) found.set(JSON.stringify(intent), intent)
      previous = intents.at(-1) ?? previous
    }
  }
  // "How do I pause and resume an agent?": the first half alone says nothing.
  const explains = [...found.values()].some((intent) => intent.kind === 'how_to' && intent.topic !== null)
  const asked = [...found.values()].filter((intent) =>
    intent.kind !== 'courtesy' && !(explains && intent.kind === 'how_to' && intent.topic === null))
  if (asked.length === 0) return rest || found.size === 0 ? [{ kind: 'not_understood' }] : [...found.values()].slice(-1)
  if (asked.length > MOST_ANSWERED) return [...asked.slice(0, MOST_ANSWERED), { kind: 'more', answered: MOST_ANSWERED }]
  return rest ? [...asked, { kind: 'rest' }] : asked
}

/** What one clause asks for; empty when that is not clear. The first rule that fits decides. */
const understand = (clause: Clause): Intent[] => {
  const named = agentIn(clause.words, clause.vocabulary.agents)
  const byId = ofIds(clause)
  if (byId.length > 0) return byId
  const intent = ofDecisions(clause, named) ?? ofHowTo(clause, named) ?? ofOrder(clause, named) ?? ofUpstream(clause, named) ?? ofService(clause, named) ??
    ofCourtesy(clause) ?? ofPeriodAlone(clause) ?? ofStockAlone(clause)
  if (intent !== undefined) return [intent]
  return asksHow(clause.text) ? [{ kind: 'how_to', topic: null, told: false }] : []
}

/** The brief, and what waits for a person. To decide is nobody's order to give here. */
const ofDecisions = ({ words, text }: Clause, named: NamedAgent | undefined): Intent | undefined => {
  if (asksHow(text)) return undefined
  if (includes(words, known.FROZEN)) return { kind: 'how_to', topic: 'freeze', told: false }
  if (includes(words, known.BRIEF) || says(text, 'agents do', 'agents done', 'agents been doing', 'what happened')) return { kind: 'brief' }
  const waits = says(text, 'waits for me', 'wait for me', 'waiting for me', 'waits for a decision')
  return waits || includes(words, known.PROPOSAL) ? { kind: 'proposals', agent: named?.name ?? null } : undefined
}

const ofIds = ({ words, text, ids, plain, previous }: Clause): Intent[] => {
  if (ids.length === 0 || says(text, 'session', 'event', 'message')) return []
  const { verb, rest } = orderIn(words, text)
  const goesOn = previous?.kind === 'cancel_job' && isReference(words)
  if (known.RETRY.has(verb)) return [{ kind: 'how_to', topic: 'retry_job', told: true }]
  if (!goesOn && !known.CANCEL.has(verb)) return ids.map((id) => ({ kind: 'job', id }))
  return plain && (goesOn || isReference(rest)) ? ids.map((id) => ({ kind: 'cancel_job', id })) : [{ kind: 'held', action: 'cancel' }]
}

const isReference = (words: Words): boolean => words.every((word) => word.startsWith('#') || known.JOB_REFERENCE.has(word))

const asksHow = (text: string): boolean => !says(text, 'what can i') && says(
  text, 'how do i', 'how do we', 'how to', 'how can i', 'how can we', 'how could i', 'how should i', 'how would i', 'how does one',
  'where do i', 'where can i', 'can i', 'may i', 'could i', 'show me how', 'explain how', 'which command', 'what is the command',
  'which endpoint', 'curl')

const ofHowTo = ({ words, text, previous, vocabulary }: Clause, named: NamedAgent | undefined): Intent | undefined => {
  // "How do I start an agent and read the stream?"
  const goesOn = previous?.kind === 'how_to' && !previous.told && !QUESTION.has(words[0] ?? '')
  if (!asksHow(text) && !goesOn) return undefined
  const topic = howToTopicOf(words, { agent: named !== undefined, upstream: upstreamIn(words, vocabulary) })
  return topic === undefined ? undefined : { kind: 'how_to', topic, told: false }
}

const LEAD = new RegExp(' (?:please|pls|kindly|now|just|go ahead|go|hey|hi|hello|ok|okay|so|well|yes|assistant|lets|let us|' +
  '(?:can|could|would|will) you|id like (?:you )?to|i would like (?:you )?to|i (?:want|need) (?:you )?to|we (?:want|need) to)(?= )', 'y')

/** The verb of an order and what follows it. A clause that is no order has a verb that none of the rules knows. */
const orderIn = (words: Words, text: string): { verb: string, rest: Words } => {
  let at = 0
  LEAD.lastIndex = 0
  while (LEAD.test(text)) at = LEAD.lastIndex
  const rest = text.slice(at).trim().split(' ')
  return { verb: rest[0] ?? '', rest: words.slice(words.length - rest.length + 1) }
}

const PEOPLE_TOPICS: ReadonlySet<HowToTopic> = new Set<HowToTopic>([
  'pause_agent', 'retry_job', 'schedules', 'post_event', 'talk', 'read_stream', 'read_messages', 'cancel_reply', 'send_message',
  'freeze', 'undo', 'configure_shopify', 'configure_github', 'configure_bigquery', 'configure_llm'
])

/** Something to be done. Only runs and cancels are ours, and only when nothing else can be meant. */
const ofOrder = (clause: Clause, named: NamedAgent | undefined): Intent | undefined => {
  const { words, text, vocabulary } = clause
  const { verb, rest } = orderIn(words, text)
  if (known.CANCEL.has(verb)) {
    if (includes(rest, known.JOB) || (named !== undefined && verb !== 'stop')) return { kind: 'cancel_job', id: null }
    if (consistsOf(rest, known.FILLER)) return { kind: 'how_to', topic: 'cancel_reply', told: true }
  }
  const run = ofRunOrder(clause, verb, rest, named)
  if (run !== undefined) return run
  if (!known.PEOPLE_ONLY.has(verb)) return undefined
  const topic = howToTopicOf(words, { agent: named !== undefined, upstream: upstreamIn(words, vocabulary) })
  return topic !== undefined && PEOPLE_TOPICS.has(topic) ? { kind: 'how_to', topic, told: true } : undefined
}

const A_RUN = /^(?:off )?(?:a|an|another) (?:new |full |quick )?run of ?/

const ofRunOrder = ({ words, plain, vocabulary }: Clause, verb: string, rest: Words, named: NamedAgent | undefined): Intent | undefined => {
  const run = (agent: string): Intent => plain ? { kind: 'run_agent', agent } : { kind: 'held', action: 'run' }
  const noun = verb === 'do' && A_RUN.test(rest.join(' '))
  if (named !== undefined && (known.RUN.has(verb) || noun)) {
    const between = words.slice(words.length - rest.length, named.start).join(' ').replace(A_RUN, '')
    const before = between.split(' ').filter((word) => word !== '')
    const bare = consistsOf(before, known.DETERMINER) && consistsOf(words.slice(named.end), known.AFTERTHOUGHT)
    if (bare) return run(named.name)
    // "Run history of the watchdog" is no order.
    return includes(rest, known.RUNS) ? undefined : { kind: 'held', action: 'run' }
  }
  const checks = known.CHECK.has(verb) && includes(rest, known.SYSTEM)
  const runsCheck = (known.RUN.has(verb) || verb === 'do') && includes(rest, known.CHECKUP)
  if ((checks || runsCheck) && consistsOf(rest, known.CHECKUP_REST)) {
    return vocabulary.agents.includes(SYSTEM_AGENT) ? run(SYSTEM_AGENT) : { kind: 'health' }
  }
  return known.RUN.has(verb) && includes(rest, known.AGENT) ? { kind: 'run_agent', agent: null } : undefined
}

const upstreamIn = (words: Words, { upstreams }: Vocabulary): string | undefined => upstreams.find((name) =>
  name in known.UPSTREAM_WORDS ? includes(words, known.UPSTREAM_WORDS[name]!) : words.includes(name.replace(/_api$/, '')))

/** What lies behind an upstream, or the connection to it. */
const ofUpstream = (clause: Clause, named: NamedAgent | undefined): Intent | undefined => {
  const upstream = upstreamIn(clause.words, clause.vocabulary)
  const { verb } = orderIn(clause.words, clause.text)
  return ofBigquery(clause, upstream) ?? ofShop(clause, verb, named) ?? ofGithub(clause, verb, upstream) ??
    (upstream === undefined ? undefined : { kind: 'upstream', name: upstream })
}

/** What the service knows of itself. */
const ofService = ({ words, text, previous }: Clause, named: NamedAgent | undefined): Intent | undefined => {
  const agent = named?.name ?? null
  const statuses = statusesIn(words)
  if (includes(words, known.BREAKER)) return { kind: 'circuit_breakers' }
  if (includes(words, known.SCHEDULE) || asksWhen(text)) return { kind: 'list_schedules', agent }
  if (agent !== null) {
    const lists = includes(words, known.JOB) || includes(words, known.RUNS)
    return lists ? { kind: 'list_jobs', statuses, agent } : { kind: 'agent_status', agent }
  }
  if (includes(words, known.AGENT)) return { kind: 'list_agents' }
  if (includes(words, known.QUEUE)) return { kind: 'queue' }
  // "Show failed and parked jobs" is two clauses, and each names a state.
  const goesOn = previous?.kind === 'queue' || previous?.kind === 'list_jobs'
  const statesOnly = statuses.length > 0 && (goesOn || known.LIST.has(words[0]!))
  if (includes(words, known.JOB) || statuses.includes('dead') || statesOnly) return { kind: 'list_jobs', statuses, agent }
  const figure = figureIn(words, text)
  if (figure !== undefined) return { kind: 'metrics', figure }
  if (asksHealth(words, text)) return { kind: 'health' }
  const asksHelp = says(text, 'what can you', 'what can i', 'what do you do', 'what are you', 'who are you', 'able to', 'about yourself')
  return asksHelp || includes(words, known.HELP) ? { kind: 'help' } : undefined
}

const asksWhen = (text: string): boolean => says(text, 'next run', 'next runs', 'run next', 'runs next') ||
  (text.startsWith(' when ') && says(text, 'does', 'will', 'do', 'is', 'next') && !says(text, 'last'))

const statusesIn = (words: Words): JobStatus[] =>
  [...new Set(known.JOB_STATES.filter(([names]) => includes(words, names)).flatMap(([, statuses]) => statuses))]

const figureIn = (words: Words, text: string): known.Figure | undefined => {
  if (says(text, 'how long have you', 'how long has', 'since when', 'did you start', 'were you started')) return 'uptime'
  if (says(text, 'event loop')) return 'event_loop'
  if (says(text, 'store') && includes(words, known.SIZE)) return 'store'
  return known.FIGURES.find(([, names]) => includes(words, names))?.[0]
}

const asksHealth = (words: Words, text: string): boolean => includes(words, known.HEALTH) ||
  says(text, 'how are you', 'how are things', 'how is it going', 'hows it going', 'any issues') ||
  (includes(words, known.WELL) && (includes(words, known.SUBJECT) || says(text, 'is it')))

const ofCourtesy = ({ words }: Clause): Intent | undefined => {
  if (!consistsOf(words, known.FILLER, known.GREETING, known.THANKS, known.FAREWELL, DAY)) return undefined
  if (includes(words, known.THANKS)) return { kind: 'courtesy', tone: 'thanks' }
  if (includes(words, known.FAREWELL)) return { kind: 'courtesy', tone: 'farewell' }
  return includes(words, known.GREETING) ? { kind: 'courtesy', tone: 'greeting' } : undefined
}

const DAY: ReadonlySet<string> = new Set(['day'])
