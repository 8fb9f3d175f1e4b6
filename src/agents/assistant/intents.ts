// Recognises what a message asks for, by plain English words. What starts or cancels something has to be said in so many words.
import type { JobStatus } from '../../core/model.ts'
import { howToTopicOf } from './how-to-topics.ts'
import type { HowToTopic } from './how-to.ts'
import { agentIn, idsIn, spaced, takeApart, wordSet, type NamedAgent, type Words } from './words.ts'

export type Figure = 'all' | 'memory' | 'uptime' | 'conversations' | 'traffic' | 'event_loop' | 'store' | 'streams' | 'events' | 'version'
export type Upstream = 'shop' | 'github' | 'bigquery'

export type Intent =
  | { kind: 'list_agents' }
  | { kind: 'agent_status', agent: string }
  /** Without an agent: it did not say which. */
  | { kind: 'run_agent', agent: string | null }
  | { kind: 'queue' }
  /** No statuses: whatever there is. */
  | { kind: 'list_jobs', statuses: JobStatus[], agent: string | null }
  | { kind: 'job', id: string }
  | { kind: 'cancel_job', id: string | null }
  | { kind: 'health' }
  | { kind: 'circuit_breakers' }
  | { kind: 'upstream', name: string }
  | { kind: 'metrics', figure: Figure }
  | { kind: 'list_schedules', agent: string | null }
  /** `told`: it was asked to do it, which only people can. */
  | { kind: 'how_to', topic: HowToTopic | null, told: boolean }
  | { kind: 'not_connected', upstream: Upstream, about: string }
  /** Something to do, but not plainly now. */
  | { kind: 'held', action: 'run' | 'cancel' }
  | { kind: 'help' }
  | { kind: 'courtesy', tone: 'greeting' | 'thanks' | 'farewell' }
  | { kind: 'not_understood' }
  /** Part of the message was not understood. */
  | { kind: 'rest' }
  /** The message asks for more than is answered at once. */
  | { kind: 'more', answered: number }

/** What the words can refer to. */
export interface Vocabulary {
  agents: readonly string[]
  /** Names of the upstreams: `shopify_api`. */
  upstreams: readonly string[]
}

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
    for (const words of clauses) {
      const intents = understand({ words, text: spaced(words), ids: idsIn(words, ids), plain, previous, vocabulary })
      if (intents.length === 0 && !words.every((word) => FILLER.has(word))) rest = true
      for (const intent of intents) found.set(JSON.stringify(intent), intent)
      previous = intents.at(-1) ?? previous
    }
  }
  const asked = [...found.values()].filter(({ kind }) => kind !== 'courtesy')
  if (asked.length === 0) return rest || found.size === 0 ? [{ kind: 'not_understood' }] : [...found.values()].slice(-1)
  if (asked.length > MOST_ANSWERED) return [...asked.slice(0, MOST_ANSWERED), { kind: 'more', answered: MOST_ANSWERED }]
  return rest ? [...asked, { kind: 'rest' }] : asked
}

interface Clause {
  words: Words
  text: string
  ids: string[]
  plain: boolean
  /** What the clause before it in the same sentence asked for. */
  previous: Intent | undefined
  vocabulary: Vocabulary
}

const FILLER = wordSet('a an the i you we me my us it its that this these those is are am be was so now please thanks thank well yes no ok okay tell ' +
  'show say know let want would like need give what which who how why result results happened happens happen found find find out here there too ' +
  'hi hello hey right away again quickly soon today about for of to in on at with from by do does did can could will just really very all any ' +
  'dear assistant everyone friend question questions have has had one more some sure good great cool nice')
const AGENT = wordSet('agent agents bot bots robot robots')
const JOB = wordSet('job jobs task tasks')
const QUEUE = wordSet('queue queues queued backlog pending unfinished')
const RUNS = wordSet('runs history log logs')
const SCHEDULE = wordSet('schedule schedules scheduled cron crons timetable timer timers')
const BREAKER = wordSet('breaker breakers circuit circuits')
const DETERMINER = wordSet('the a an this that my our your off up agent bot called named check on')
const AFTERTHOUGHT = wordSet('agent bot now again please right away immediately for me us today thanks thank you at asap quickly')
const RUN_VERB = wordSet('run start trigger launch execute rerun kick fire')
const CHECK_VERB = wordSet('check inspect examine diagnose test scan verify')
const SYSTEM = wordSet('system systems everything service server yourself services')
const CANCEL_VERB = wordSet('cancel stop abort kill terminate')
const JOB_REFERENCE = wordSet('job task run with id number the this please now for me')
const LEAD = / (?:please|pls|kindly|now|just|go ahead|go|hey|hi|hello|ok|okay|so|well|lets|let us|can you|could you|would you|will you|id like you to|i want to|id like to|i would like to|i would like you to|i want you to|i need you to|i need to|we need to|assistant|do)(?= )/y

const STATUS_WORDS: ReadonlyArray<readonly [ReadonlySet<string>, JobStatus[]]> = [
  [wordSet('failed fail fails failing failure failures crashed errored'), ['failed', 'dead']],
  [wordSet('dead died'), ['dead']],
  [wordSet('parked'), ['parked']],
  [wordSet('running active'), ['running']],
  [wordSet('waiting'), ['queued', 'waiting']],
  [wordSet('cancelled canceled'), ['cancelled']],
  [wordSet('succeeded successful completed finished done'), ['succeeded']]
]

const SHOP_TOPICS: ReadonlyArray<readonly [string, ReadonlySet<string>]> = [
  ['orders', wordSet('order orders ordered purchase purchases refund refunds refunded fulfilment fulfillment shipment shipments shipping delivery deliveries')],
  ['sales', wordSet('sale sales sell sells selling sold revenue turnover profit profits income earnings margin margins aov bestseller bestsellers')],
  ['stock', wordSet('stock stocks inventory inventories sku skus restock reorder warehouse')],
  ['prices', wordSet('price prices pricing priced discount discounts coupon coupons')],
  ['products', wordSet('product products variant variants collection collections catalogue catalog')],
  ['customers', wordSet('customer customers buyer buyers shopper shoppers')],
  ['carts', wordSet('cart carts checkout checkouts basket baskets')],
  ['marketing', wordSet('marketing campaign campaigns newsletter newsletters')],
  ['tickets', wordSet('ticket tickets')],
  ['the shop', wordSet('shop shops webshop storefront')]
]
const GITHUB_DATA = wordSet('commit commits repo repos repository repositories pr prs branch branches issue issues merge merged')
const BIGQUERY_DATA = wordSet('query queries rows dataset datasets table tables data sql')
const UPSTREAM_NAMES: Record<string, ReadonlySet<string>> = {
  llm: wordSet('llm openai gpt chatgpt model models'),
  bigquery: wordSet('bigquery')
}

const FIGURES: ReadonlyArray<readonly [Figure, ReadonlySet<string>]> = [
  ['memory', wordSet('memory ram heap rss')],
  ['uptime', wordSet('uptime restarted')],
  ['conversations', wordSet('session sessions message messages conversation conversations chats')],
  ['traffic', wordSet('request requests traffic http errors')],
  ['event_loop', wordSet('lag latency slow delay cpu load')],
  ['streams', wordSet('stream streams listeners')],
  ['events', wordSet('events')],
  ['store', wordSet('database db disk sqlite storage')],
  ['version', wordSet('version release')],
  ['all', wordSet('metric metrics stats statistics figures numbers telemetry prometheus')]
]
const SIZE = wordSet('size big large full space disk bytes grow growing')
const HEALTH = wordSet('healthy health healthz readyz ready readiness alive problem problems trouble wrong broken healthcheck status')
const WELL = wordSet('ok okay fine well good up down running working works alright operational')
const SUBJECT = wordSet('you everything all things system service server store is are')
const HELP = wordSet('help commands command capabilities features abilities menu manual')
const GREETING = wordSet('hi hello hey hallo greetings howdy morning afternoon evening welcome')
const THANKS = wordSet('thanks thank thx cheers ty')
const FAREWELL = wordSet('bye goodbye ciao')

const includes = (words: Words, set: ReadonlySet<string>): boolean => words.some((word) => set.has(word))
const says = (text: string, ...phrases: string[]): boolean => phrases.some((phrase) => text.includes(` ${phrase} `))

/** What one clause asks for; empty when that is not clear. The first rule that fits decides. */
const understand = (clause: Clause): Intent[] => {
  const { words, text, vocabulary } = clause
  const named = agentIn(words, vocabulary.agents)
  const byId = ofIds(clause)
  if (byId.length > 0) return byId
  const intent = ofHowTo(clause, named) ?? ofOrder(clause, named) ?? ofUpstream(clause) ?? ofOwn(clause, named)
  if (intent !== undefined) return [intent]
  if (asksHow(text)) return [{ kind: 'how_to', topic: null, told: false }]
  return ofCourtesy(words)
}

const ofIds = ({ words, text, ids, plain, previous }: Clause): Intent[] => {
  if (ids.length === 0) return []
  const { verb, rest } = order(text)
  const others = rest.filter((word) => !word.startsWith('#'))
  const bare = words.every((word) => word.startsWith('#') || JOB_REFERENCE.has(word))
  const cancels = CANCEL_VERB.has(verb) || (bare && previous?.kind === 'cancel_job')
  if (cancels && !asksHow(text)) {
    if (plain && (bare || others.every((word) => JOB_REFERENCE.has(word)))) return ids.map((id) => ({ kind: 'cancel_job', id }))
    return [{ kind: 'held', action: 'cancel' }]
  }
  if (verb === 'retry' || verb === 'rerun' || verb === 'repeat') return [{ kind: 'how_to', topic: 'retry_job', told: true }]
  if (says(text, 'session', 'event', 'message')) return []
  return ids.map((id) => ({ kind: 'job', id }))
}

const asksHow = (text: string): boolean => !says(text, 'what can i') && says(
  text, 'how do i', 'how do we', 'how to', 'how can i', 'how can we', 'how could i', 'how should i', 'how would i', 'how does one', 'where do i',
  'where can i', 'can i', 'may i', 'could i', 'show me how', 'explain how', 'which command', 'what is the command', 'which endpoint', 'curl')

const ofHowTo = ({ words, text, previous, vocabulary }: Clause, named: NamedAgent | undefined): Intent | undefined => {
  const goesOn = previous?.kind === 'how_to' && !previous.told
  if (!asksHow(text) && !goesOn) return undefined
  const topic = howToTopicOf(words, { agent: named !== undefined, upstream: upstreamIn(words, vocabulary) })
  return topic === undefined ? undefined : { kind: 'how_to', topic, told: false }
}

/** The verb of an order, and what follows it; empty when the clause does not begin with an order. */
const order = (text: string): { verb: string, rest: string[] } => {
  let at = 0
  LEAD.lastIndex = 0
  while (LEAD.test(text)) at = LEAD.lastIndex
  const [verb = '', ...rest] = text.slice(at).trim().split(' ')
  return { verb, rest }
}

const RUN_NOUNS = wordSet('run check checkup scan diagnostics diagnostic')
const PEOPLE_ONLY = wordSet('pause resume unpause enable disable retry redo requeue schedule reschedule post create configure connect ' +
  'read open send stop cancel abort interrupt set subscribe listen')
const PEOPLE_TOPICS: ReadonlySet<HowToTopic> = new Set<HowToTopic>([
  'pause_agent', 'retry_job', 'schedules', 'post_event', 'talk', 'read_stream', 'read_messages', 'cancel_reply', 'send_message',
  'configure_shopify', 'configure_github', 'configure_bigquery', 'configure_llm'
])

/** Something to be done: only runs and cancels are ours, and only when nothing else is meant. */
const ofOrder = ({ words, text, plain, vocabulary }: Clause, named: NamedAgent | undefined): Intent | undefined => {
  const { verb, rest } = order(text)
  if (verb === '') return undefined
  const start = words.length - rest.length
  const runs = RUN_VERB.has(verb) || (verb === 'do' && rest.includes('run')) || (CHECK_VERB.has(verb) && includes(rest, SYSTEM))
  if (CANCEL_VERB.has(verb) && includes(rest, JOB)) return { kind: 'cancel_job', id: null }
  if (runs && named !== undefined) {
    // "a run of the watchdog" is an order after "start", and a noun after "run".
    const before = words.slice(start, named.start).join(' ').replace(/^(?:off )?(?:a|another) run of ?/, '').split(' ')
    const bare = [...before.filter((word) => word !== '')].every((word) => DETERMINER.has(word)) &&
      words.slice(named.end).every((word) => AFTERTHOUGHT.has(word))
    return plain && bare ? { kind: 'run_agent', agent: named.name } : { kind: 'held', action: 'run' }
  }
  if (includes(words, HEALTH)) return undefined
  if ((CHECK_VERB.has(verb) && includes(rest, SYSTEM)) || (RUN_VERB.has(verb) && includes(rest, RUN_NOUNS) && !includes(rest, JOB))) {
    if (!vocabulary.agents.includes(SYSTEM_AGENT)) return { kind: 'health' }
    return plain ? { kind: 'run_agent', agent: SYSTEM_AGENT } : { kind: 'held', action: 'run' }
  }
  if (RUN_VERB.has(verb) && includes(rest, AGENT)) return { kind: 'run_agent', agent: null }
  if (!PEOPLE_ONLY.has(verb)) return undefined
  const topic = howToTopicOf(words, { agent: named !== undefined, upstream: upstreamIn(words, vocabulary) })
  return topic !== undefined && PEOPLE_TOPICS.has(topic) ? { kind: 'how_to', topic, told: true } : undefined
}

const upstreamIn = (words: Words, { upstreams }: Vocabulary): string | undefined => {
  const text = spaced(words)
  return upstreams.find((name) => {
    const names = UPSTREAM_NAMES[name] ?? new Set([name.replace(/_api$/, '')])
    return includes(words, names) || says(text, `${name.slice(0, 3)} ${name.replace(/_api$/, '').slice(3)}`)
  })
}

/** What lies behind an upstream cannot be looked up; the connection to it can. */
const ofUpstream = ({ words, text, vocabulary }: Clause): Intent | undefined => {
  const own = text.replace(' in order to ', ' ')
  const upstream = upstreamIn(words, vocabulary)
  if (upstream === 'bigquery' && includes(words, BIGQUERY_DATA)) return { kind: 'not_connected', upstream: 'bigquery', about: 'data in BigQuery' }
  const topic = SHOP_TOPICS.find(([, names]) => includes(own.trim().split(' '), names))
  if (topic !== undefined) return { kind: 'not_connected', upstream: 'shop', about: topic[0] }
  if (says(text, 'my store', 'our store', 'the stores')) return { kind: 'not_connected', upstream: 'shop', about: 'the shop' }
  const worry = says(text, 'any issues', 'issue with', 'issues with')
  if (!worry && (includes(words, GITHUB_DATA) || says(text, 'pull request', 'pull requests'))) {
    return { kind: 'not_connected', upstream: 'github', about: 'what is on GitHub' }
  }
  return upstream === undefined ? undefined : { kind: 'upstream', name: upstream }
}

/** What the service knows of itself. */
const ofOwn = ({ words, text }: Clause, named: NamedAgent | undefined): Intent | undefined => {
  const agent = named?.name ?? null
  if (includes(words, BREAKER)) return { kind: 'circuit_breakers' }
  if (includes(words, SCHEDULE) || asksWhen(text)) return { kind: 'list_schedules', agent }
  if (agent !== null) return includes(words, JOB) || includes(words, RUNS) ? { kind: 'list_jobs', statuses: statusesIn(words), agent } : { kind: 'agent_status', agent }
  if (includes(words, AGENT)) return { kind: 'list_agents' }
  const statuses = statusesIn(words)
  if (includes(words, QUEUE)) return { kind: 'queue' }
  if (includes(words, JOB) || statuses[0] === 'failed' || (words.length <= 3 && statuses.length > 0)) return { kind: 'list_jobs', statuses, agent }
  const figure = figureIn(words, text)
  if (figure !== undefined) return { kind: 'metrics', figure }
  if (isAboutHealth(words, text)) return { kind: 'health' }
  if (includes(words, HELP) || says(text, 'what can you', 'what can i', 'what do you do', 'what are you', 'who are you', 'able to')) return { kind: 'help' }
  return undefined
}

const asksWhen = (text: string): boolean =>
  says(text, 'next run', 'next runs', 'run next', 'runs next') || (text.startsWith(' when ') && says(text, 'does', 'will', 'do', 'is', 'next') && !says(text, 'last'))

const statusesIn = (words: Words): JobStatus[] => [...new Set(STATUS_WORDS.filter(([names]) => includes(words, names)).flatMap(([, statuses]) => statuses))]

const figureIn = (words: Words, text: string): Figure | undefined => {
  if (says(text, 'how long have you', 'how long has', 'since when', 'did you start', 'were you started')) return 'uptime'
  if (says(text, 'event loop')) return 'event_loop'
  if (says(text, 'store') && includes(words, SIZE)) return 'store'
  return FIGURES.find(([, names]) => includes(words, names))?.[0]
}

const isAboutHealth = (words: Words, text: string): boolean => includes(words, HEALTH) || says(text, 'how are you', 'how are things', 'any issues') ||
  (includes(words, WELL) && includes(words, SUBJECT))

const ofCourtesy = (words: Words): Intent[] => {
  if (!words.every((word) => FILLER.has(word) || GREETING.has(word) || THANKS.has(word) || FAREWELL.has(word) || word === 'day')) return []
  if (includes(words, THANKS)) return [{ kind: 'courtesy', tone: 'thanks' }]
  if (includes(words, FAREWELL)) return [{ kind: 'courtesy', tone: 'farewell' }]
  return includes(words, GREETING) ? [{ kind: 'courtesy', tone: 'greeting' }] : []
}
