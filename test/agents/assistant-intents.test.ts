// What the assistant understands: a table of questions, what it must not do unasked, and text that nobody foresaw.
import fc from 'fast-check'
import t from 'tap'
import { recognise, type Intent } from '../../src/agents/assistant/intents.ts'
import * as known from '../../src/agents/assistant/vocabulary.ts'

const VOCABULARY = {
  agents: ['watchdog', 'inventory_forecasting'],
  upstreams: ['shopify_api', 'bigquery', 'github_api', 'llm']
}
const ID = '019abc12-3456-7def-8123-456789abcdef'
const OTHER = '01a00000-0000-7000-8000-000000000001'

/** `kind` and the values of an intent: `list_jobs failed,dead null`. */
const told = (intent: Intent): string => Object.values(intent).join(' ').trim()
const understood = (content: string): string => recognise(content, VOCABULARY).map(told).join(' + ')

const TABLE: Array<[string, string]> = [
  ['freeze everything', 'how_to freeze true'],
  ['is everything frozen?', 'how_to freeze false'],
  ['undo the last change', 'how_to undo true'],
  ['How do I approve a proposal?', 'how_to decide false'],
  ['approve all proposals', 'proposals'],
  ['What agents are there?', 'list_agents'],
  ['list the bots', 'list_agents'],
  ['Hello! How are the agents?', 'list_agents'],
  ['How is the watchdog doing?', 'agent_status watchdog'],
  ['HOW IS THE WATCH DOG???', 'agent_status watchdog'],
  ['how is the watch-dog', 'agent_status watchdog'],
  ['watchdogs', 'agent_status watchdog'],
  ['how is teh wachdog', 'agent_status watchdog'],
  ['watchdgo status', 'agent_status watchdog'],
  ['Did the watchdog run?', 'agent_status watchdog'],
  ['when did the watchdog last run', 'agent_status watchdog'],
  ['what did the watchdog find?', 'agent_status watchdog'],
  ['is inventory forecasting paused', 'agent_status inventory_forecasting'],
  ['Run the watchdog', 'run_agent watchdog'],
  ['Please, run the watchdog!', 'run_agent watchdog'],
  ['Can you run the watch dog please?', 'run_agent watchdog'],
  ['I would like you to start the watchdog now.', 'run_agent watchdog'],
  ['kick off a run of the watchdog', 'run_agent watchdog'],
  ['go ahead and run the watchdog again', 'run_agent watchdog'],
  ['check the system now', 'run_agent watchdog'],
  ['do a full system check', 'run_agent watchdog'],
  ['run diagnostics', 'run_agent watchdog'],
  ['trigger inventory-forecasting', 'run_agent inventory_forecasting'],
  ['run the foo agent', 'run_agent'],
  ['run the watchdog and tell me the result', 'run_agent watchdog'],
  ['What jobs failed?', 'list_jobs failed,dead'],
  ['what failed', 'list_jobs failed,dead'],
  ['are there any dead letters?', 'list_jobs dead'],
  ['how many jobs are running', 'list_jobs running'],
  ['list jobs', 'list_jobs'],
  ['show failed and parked jobs', 'list_jobs failed,dead + list_jobs parked'],
  ['show the jobs of the watchdog', 'list_jobs  watchdog'],
  ['run history of the watchdog', 'list_jobs  watchdog'],
  ['Show me the queue', 'queue'],
  ['whats pending', 'queue'],
  [`Job ${ID}`, `job ${ID}`],
  [`what became of ${ID.toUpperCase()}?`, `job ${ID}`],
  [`Cancel job ${ID}`, `cancel_job ${ID}`],
  [`please stop ${ID} and ${OTHER}`, `cancel_job ${ID} + cancel_job ${OTHER}`],
  ['cancel all jobs', 'cancel_job'],
  [`retry job ${ID}`, 'how_to retry_job true'],
  ['Are you healthy?', 'health'],
  ['Is everything ok?', 'health'],
  ['how are you?', 'health'],
  ['system status', 'health'],
  ['is anything broken', 'health'],
  ['is the store ok', 'health'],
  ['Show circuit breakers', 'circuit_breakers'],
  ['what is a circuit breaker', 'circuit_breakers'],
  ['Is Shopify connected?', 'upstream shopify_api'],
  ['is big query up', 'upstream bigquery'],
  ['any issues with GitHub?', 'upstream github_api'],
  ['which model do you use', 'upstream llm'],
  ['Hi, could you tell me what the status of the breaker for Shopify is?', 'upstream shopify_api'],
  ['metrics', 'metrics all'],
  ['send me the metrics', 'metrics all'],
  ['how much memory', 'metrics memory'],
  ['how many sessions', 'metrics conversations'],
  ['how many messages and sessions are there', 'metrics conversations'],
  ['uptime', 'metrics uptime'],
  ['how long have you been running?', 'metrics uptime'],
  ['is it slow', 'metrics event_loop'],
  ['how many errors', 'metrics traffic'],
  ['how big is the store', 'metrics store'],
  ['open streams', 'metrics streams'],
  ['what version is this?', 'metrics version'],
  ['schedules', 'list_schedules'],
  ['when does the watchdog run next?', 'list_schedules watchdog'],
  ['next run of the watchdog', 'list_schedules watchdog'],
  ['help', 'help'],
  ['what can you do', 'help'],
  ['tell me about yourself', 'help'],
  ['how do I start an agent', 'how_to run_agent false'],
  ['How do I run the watchdog?', 'how_to run_agent false'],
  ['how do I read the stream', 'how_to read_stream false'],
  ['how do I cancel a reply', 'how_to cancel_reply false'],
  ['how do I post an event', 'how_to post_event false'],
  ['how do I configure Shopify', 'how_to configure_shopify false'],
  ['how to connect big query', 'how_to configure_bigquery false'],
  ['How do I start an agent and read the stream?', 'how_to run_agent false + how_to read_stream false'],
  ['how do I pause and resume an agent?', 'how_to pause_agent false'],
  ['how do I fly', 'how_to  false'],
  ['pause the watchdog', 'how_to pause_agent true'],
  ['stop', 'how_to cancel_reply true'],
  ['How is the shop doing today?', 'shop today'],
  ['how is the shop', 'shop today'],
  ['how is business', 'shop today'],
  ['is my store doing well', 'shop today'],
  ['How are we doing this week?', 'shop this_week'],
  ['how did we do yesterday', 'shop yesterday'],
  ['And yesterday?', 'shop yesterday'],
  ['how was last week', 'shop last_week'],
  ['How many orders today?', 'sales today'],
  ['any orders today?', 'sales today'],
  ['How were sales yesterday?', 'sales yesterday'],
  ['sales last week', 'sales last_week'],
  ["last week's revenue", 'sales last_week'],
  ['How were sales in October?', 'sales month 10'],
  ['turnover in October 2025', 'sales month 2025-10'],
  ['sales on Monday', 'sales weekday 0'],
  ['sales of the last 30 days', 'sales days 30'],
  ['how much did we sell in the past two weeks', 'sales days 14'],
  ['sales on 2026-11-03', 'sales date 2026-11-03'],
  ['sales on the 3rd of November', 'sales date 11-03'],
  ['revenue from 2026-11-01 to 2026-11-05', 'sales range 2026-11-01..2026-11-05'],
  ['sales since Monday', 'sales since weekday 0'],
  ['sales last quarter', 'sales unclear'],
  ['how many orders and how much revenue did we have yesterday', 'sales yesterday'],
  ['how much money did we make this month', 'sales this_month'],
  ['refunds this week', 'sales this_week'],
  ['send me the sales of last month', 'sales last_month'],
  ['what about orders last week', 'sales last_week'],
  ['show the latest orders', 'orders_of_day today'],
  ["list yesterday's orders", 'orders_of_day yesterday'],
  ['Which orders need me?', 'attention'],
  ['which orders need attention', 'attention'],
  ['what needs my attention?', 'attention'],
  ['are there problems with orders', 'attention'],
  ['late orders', 'attention late'],
  ['show unpaid orders', 'attention unpaid'],
  ['any suspicious orders?', 'attention risk'],
  ['orders without tracking', 'attention no_tracking'],
  ['orders on hold', 'attention on_hold'],
  ['Show order #1042', 'order 1042'],
  ['where is order 1042?', 'order 1042'],
  ['order number RE1042', 'order re1042'],
  ['What is out of stock?', 'stock'],
  ['what is low on stock', 'stock'],
  ['inventory', 'stock'],
  ['is inventory forecasting low on stock', 'stock'],
  ['how many saddle pads are in stock', 'stock saddle pads'],
  ['How many riding boots do we have left?', 'stock riding boots'],
  ['What is the price of the Jumping Saddle?', 'stock jumping saddle'],
  ['What sells best?', 'best_sellers days 30'],
  ['best sellers this month', 'best_sellers this_month'],
  ['top 5 products last week', 'best_sellers last_week'],
  ['how many new customers yesterday', 'customers yesterday'],
  ['How is the shop doing today, and which orders need me?', 'shop today + attention'],
  ['How do I get more sales?', 'beyond shop sales'],
  ['change the price of SKU 5 to 10', 'beyond shop changing prices'],
  ['run the pricing optimizer', 'beyond shop changing prices'],
  ['refund order 1042', 'beyond shop changing orders'],
  ['Cancel order #1042', 'beyond shop changing orders'],
  ['please create a discount of 10 percent', 'beyond shop changing sales'],
  ['what was our profit yesterday', 'beyond shop profit'],
  ['abandoned carts', 'beyond shop carts'],
  ['show GitHub issues', 'github issues'],
  ['open pull requests', 'github pull_requests'],
  ['which PRs wait for review', 'github pull_requests'],
  ['how is the repository', 'github status'],
  ['are the checks of the repository green', 'github checks'],
  ['did the build fail', 'github checks'],
  ['merge pull request 5', 'beyond github commits, branches and changes at GitHub'],
  ['open an issue on GitHub', 'beyond github commits, branches and changes at GitHub'],
  ['show GitHub commits', 'beyond github commits, branches and changes at GitHub'],
  ['is GitHub fine', 'upstream github_api'],
  ['is BigQuery reachable', 'upstream bigquery'],
  ['how many rows are in the BigQuery table', 'bigquery'],
  ['query BigQuery', 'beyond bigquery data in BigQuery'],
  ['Hello', 'courtesy greeting'],
  ['Good morning, dear assistant', 'courtesy greeting'],
  ['thank you so much!', 'courtesy thanks'],
  ['bye', 'courtesy farewell'],
  ['How is the watchdog and are the breakers closed?', 'agent_status watchdog + circuit_breakers'],
  ['Thanks! What jobs failed? And uptime please.', 'list_jobs failed,dead + metrics uptime'],
  ['Run the watchdog and make me a coffee', 'run_agent watchdog + rest'],
  ['What is the meaning of life?', 'not_understood'],
  ['', 'not_understood'],
  ['?!…', 'not_understood'],
  ['我的商店怎么样', 'not_understood']
]

t.test(`${TABLE.length} questions`, async (t) => {
  for (const [question, expected] of TABLE) t.equal(understood(question), expected, question)
})

// Whatever else these are taken for, nothing is started or cancelled.
const UNTOUCHED = [
  "Don't run the watchdog",
  'do not run the watchdog',
  'Never start the watchdog again',
  'If the breakers are open, run the watchdog',
  'Run the watchdog tomorrow',
  'run the watchdog at 5 pm',
  'run the watchdog every hour',
  'Run the watchdog when it is quiet',
  'Why did you run the watchdog?',
  'Should I run the watchdog?',
  'Is it safe to stop, start the watchdog?',
  'What happens when I say run the watchdog?',
  'I run the watchdog daily',
  'do agents run daily?',
  'The mail said: hello, run the watchdog',
  'He wrote "bye. Run the watchdog."',
  '> Hello. Run the watchdog.',
  'run time of the watchdog',
  'run the watching',
  `do not cancel ${ID}`,
  `Should I cancel ${ID}?`,
  `cancel job ${ID} tomorrow`,
  `cancel everything but ${ID}`,
  `If it hangs, cancel job ${ID}`,
  `She wrote "Hello. Cancel job ${ID}."`,
  `cancel job ${ID} if it hangs, and ${OTHER}`,
  `how do I cancel ${ID}?`,
  `was ${ID} cancelled`
]

t.test('nothing is done unless it is asked for plainly and now', async (t) => {
  for (const content of UNTOUCHED) {
    const acts = recognise(content, VOCABULARY).filter(({ kind }) => kind === 'run_agent' || kind === 'cancel_job')
    t.same(acts, [], content)
  }
})

t.test('an order that came with a condition or for later is said to be held', async (t) => {
  t.match(understood('If the breakers are open, run the watchdog'), 'held run')
  t.equal(understood('Run the watchdog tomorrow at 5'), 'held run')
  t.equal(understood(`cancel job ${ID} tomorrow`), 'held cancel')
})

t.test('only agents that exist are named', async (t) => {
  const none = { agents: [], upstreams: [] }
  t.same(recognise('Run the watchdog', none), [{ kind: 'not_understood' }])
  t.same(recognise('check the system now', none), [{ kind: 'health' }])
  t.same(recognise('is Shopify connected', none), [{ kind: 'not_understood' }])
})

t.test('a message that asks for very much is answered in part, and told so', async (t) => {
  const intents = recognise('uptime, metrics, memory, sessions, errors, schedules, agents, jobs', VOCABULARY)
  t.equal(intents.length, 6)
  t.same(intents.at(-1), { kind: 'more', answered: 5 })
  t.same(recognise('uptime. Uptime! uptime?', VOCABULARY).length, 1, 'the same thing is answered once')
})

const WORDS = [...new Set([
  ...VOCABULARY.agents, 'watch dog', ID, OTHER, 'Shopify', 'big query', 'GitHub', 'how do i', 'can you', 'please', 'when',
  ...Object.values(known).filter((set) => set instanceof Set).flatMap((set) => [...set as Set<string>])
])]
const sentences = fc.array(fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...WORDS) },
  { weight: 2, arbitrary: fc.constantFrom('.', '?', '!', ',', 'and', '\n', '"', '>', '#0', '`', 'ﷺ', "don't", '-') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) }
), { maxLength: 60 }).map((words) => words.join(' '))
const anything = fc.oneof(fc.string({ unit: 'binary', maxLength: 4_000 }), fc.string({ unit: 'grapheme', maxLength: 400 }), sentences)

t.test('10,000 random strings: never a fault, always at least one intent and at most six', async (t) => {
  const kinds = new Set<string>()
  fc.assert(fc.property(anything, (content) => {
    const intents = recognise(content, VOCABULARY)
    for (const { kind } of intents) kinds.add(kind)
    return intents.length >= 1 && intents.length <= 6
  }), { numRuns: 10_000 })
  t.ok(kinds.size >= 18, `the strings reach ${kinds.size} kinds of intents`)
})

t.test('the longest messages are read in linear time', async (t) => {
  const units = [
    'a', ' ', '.', ',', 'a ', 'a.', 'and ', 'please ', 'watch ', 'run a run of ',
    '#', '0', '-', "'", '\n', 'ﷺ', 'would you ', ID
  ]
  for (const unit of units) {
    const begun = performance.now()
    recognise(unit.repeat(Math.ceil(4_000 / unit.length)).slice(0, 4_000), VOCABULARY)
    t.ok(performance.now() - begun < 1_000, JSON.stringify(unit))
  }
})
