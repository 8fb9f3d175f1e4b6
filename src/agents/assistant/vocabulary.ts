// The English words by which the assistant recognises what is meant. Lists only; the rules are in intents.ts.
import type { JobStatus } from '../../core/model.ts'
import type { NeedFilter } from './needs.ts'
import { wordSet } from './words.ts'

export type Figure = 'all' | 'memory' | 'uptime' | 'conversations' | 'traffic' | 'event_loop' | 'store' | 'streams' | 'events' | 'version'

/** Words that ask for nothing by themselves. */
export const FILLER = wordSet('a an the i you we me my us it its that this these those is are am be was so now please thanks thank ' +
  'well yes no ok okay tell show say know let lets want would like need give what which who how why result results happened ' +
  'happens happen found find out here there too hi hello hey right away again quickly soon today about for of to in on at with ' +
  'from by do does did can could will just really very all any dear assistant everyone friend question questions have has had one ' +
  'more some sure good great cool nice go ahead im doing going much lot')

export const AGENT = wordSet('agent agents bot bots robot robots')
export const JOB = wordSet('job jobs task tasks')
/** What agents did and want. */
export const BRIEF = wordSet('brief briefing briefs digest')
export const PROPOSAL = wordSet('proposal proposals proposed propose approval approvals approve decision decisions')
export const FROZEN = wordSet('frozen')
export const QUEUE = wordSet('queue queues queued backlog pending unfinished')
export const RUNS = wordSet('runs history log logs')
export const SCHEDULE = wordSet('schedule schedules scheduled cron crons timetable timer timers')
export const BREAKER = wordSet('breaker breakers circuit circuits')
export const LIST = wordSet('show list all only the')

export const RUN = wordSet('run start trigger launch execute rerun kick fire')
export const CHECK = wordSet('check inspect examine diagnose test scan verify')
export const CANCEL = wordSet('cancel stop abort kill terminate')
export const RETRY = wordSet('retry redo rerun repeat')
/** Orders that only people can carry out, through the API. */
export const PEOPLE_ONLY = wordSet('pause resume unpause enable disable retry redo requeue schedule reschedule post create ' +
  'configure connect read open send stop cancel abort interrupt set subscribe listen freeze unfreeze undo revert')

/** May stand between "run" and the agent. */
export const DETERMINER = wordSet('the a an this that my our your off up agent bot called named')
/** May follow the agent in an order to run it. */
export const AFTERTHOUGHT = wordSet('agent bot now again please right away immediately for me us today thanks thank you asap ' +
  'quickly up')
/** An order to look at the service itself consists of these. */
export const SYSTEM = wordSet('system systems everything service server yourself services')
export const CHECKUP = wordSet('check checks checkup scan diagnostics diagnostic')
export const CHECKUP_REST = new Set([...SYSTEM, ...CHECKUP, ...AFTERTHOUGHT, ...wordSet('a an another the full complete quick on of ' +
  'whole all run')])
/** May stand beside the id of a job that is to be cancelled. */
export const JOB_REFERENCE = wordSet('job jobs task tasks run with id ids number the this these please now for me too')

export const JOB_STATES: ReadonlyArray<readonly [ReadonlySet<string>, JobStatus[]]> = [
  [wordSet('failed fail fails failing failure failures crashed errored'), ['failed', 'dead']],
  [wordSet('dead died'), ['dead']],
  [wordSet('parked'), ['parked']],
  [wordSet('running active'), ['running']],
  [wordSet('waiting'), ['queued', 'waiting']],
  [wordSet('cancelled canceled'), ['cancelled']],
  [wordSet('succeeded successful completed finished done'), ['succeeded']]
]

export const FIGURES: ReadonlyArray<readonly [Figure, ReadonlySet<string>]> = [
  ['memory', wordSet('memory ram heap rss')],
  ['uptime', wordSet('uptime restarted')],
  ['conversations', wordSet('session sessions message messages conversation conversations chats')],
  ['traffic', wordSet('request requests traffic http errors')],
  ['event_loop', wordSet('lag latency slow delay')],
  ['streams', wordSet('stream streams listeners')],
  ['events', wordSet('events')],
  ['store', wordSet('database db disk sqlite storage')],
  ['version', wordSet('version release')],
  ['all', wordSet('metric metrics stats statistics figures numbers telemetry prometheus')]
]
export const SIZE = wordSet('size big large full space disk bytes grow growing')

export const HEALTH = wordSet('healthy health healthz readyz ready readiness alive problem problems trouble wrong broken ' +
  'healthcheck status')
export const WELL = wordSet('ok okay fine well good up down running working works alright operational')
/** With WELL: of whom it is asked. */
export const SUBJECT = wordSet('you everything all things system service server store')

/** What lies behind the shop, by the words for it. */
export const SHOP_TOPICS: ReadonlyArray<readonly [string, ReadonlySet<string>]> = [
  ['orders', wordSet('order orders ordered purchase purchases fulfilment fulfillment shipment shipments shipping delivery deliveries')],
  ['sales', wordSet('sale sales sell sells seller sellers selling sold revenue turnover profit profits income earn earned earnings money ' +
    'takings margin margins aov bestseller bestsellers refund refunds refunded discount discounts')],
  ['prices', wordSet('price prices pricing priced coupon coupons')],
  ['stock', wordSet('stock stocks inventory inventories sku skus restock reorder warehouse')],
  ['products', wordSet('product products variant variants collection collections catalogue catalog')],
  ['customers', wordSet('customer customers buyer buyers shopper shoppers')],
  ['carts', wordSet('cart carts checkout checkouts basket baskets')],
  ['marketing', wordSet('marketing campaign campaigns newsletter newsletters')],
  ['tickets', wordSet('ticket tickets')],
  ['the shop', wordSet('shop shops webshop storefront business')]
]
/** What nobody here computes, although it is said with words of sales. */
export const UNKNOWN_SALES = wordSet('profit profits margin margins forecast forecasts predict prediction expect worst slowest')
/** Orders to change something at the shop, or to run what is not there. */
export const CHANGE = wordSet('change set raise lower increase decrease reduce cut update edit fix cancel refund fulfil fulfill ship release ' +
  'delete remove add create make archive tag mark capture approve reject publish unpublish import export send email mail restock reorder ' +
  'buy sell run start trigger launch hold pause stop schedule offer')
export const SHOW = wordSet('show list see display print latest recent newest last which what')
/** Reasons why an order needs somebody, by the words for them. */
export const NEEDS: ReadonlyArray<readonly [NeedFilter, ReadonlySet<string>]> = [
  ['risk', wordSet('risk risks risky fraud fraudulent frauds suspicious fake investigate')],
  ['late', wordSet('late delayed delay overdue unsent unshipped unfulfilled')],
  ['unpaid', wordSet('unpaid uncaptured authorized authorised')],
  ['no_tracking', wordSet('tracking untracked')],
  ['not_delivered', wordSet('undelivered lost')],
  ['on_hold', wordSet('hold held')]
]
export const NEEDY = wordSet('need needs needing attention problem problems problematic trouble urgent stuck care review open pending waiting ' +
  'exception exceptions critical wrong')
export const BEST = wordSet('best top popular bestselling bestseller bestsellers hottest')
export const OUT = wordSet('out low empty left remaining available run running runs short sold')
/** Beside the name of a product in a question about its stock or price. */
export const STOCK_FILLER = wordSet('stock stocks inventory inventories sku skus price prices pricing priced product products variant variants ' +
  'catalogue catalog warehouse level levels units unit unsold item items many left remaining available out low empty running run runs short sold ' +
  'still quantity quantities cost costs sell selling currently no not else anything something nothing any there today as items piece pieces if or ' +
  'because when reorder restock needs need should soon total count number listed check look up current shop store our')

export const PULL_REQUESTS = wordSet('pr prs pull pulls')
export const ISSUES = wordSet('issue issues')
export const REPOSITORY = wordSet('repo repos repository repositories')
/** Of the code: what runs on it. With the name of the upstream or the repository also `checks`. */
export const BUILDS = wordSet('ci build builds pipeline pipelines workflow workflows')
export const GITHUB_CHECKS = wordSet('check checks actions tests')
/** Nothing here reads or does that. */
export const GITHUB_BEYOND = wordSet('commit commits branch branches merge merged close closed create review approve')
export const DATASET = wordSet('dataset datasets table tables rows row')
export const BIGQUERY_DATA = wordSet('query queries data sql insert load export')
/** Upstreams that people call by other words than their names; all others are known by their names without `_api`. */
export const UPSTREAM_WORDS: Record<string, ReadonlySet<string>> = { llm: wordSet('llm openai gpt chatgpt model models') }

export const HELP = wordSet('help commands command capabilities features abilities menu manual')
export const GREETING = wordSet('hi hello hey hallo greetings howdy morning afternoon evening welcome')
export const THANKS = wordSet('thanks thank thx cheers ty')
export const FAREWELL = wordSet('bye goodbye ciao')
