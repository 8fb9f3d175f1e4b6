// How people do things through the API: one entry a topic, with commands that can be pasted into a shell.

interface Step {
  text: string
  command: string | null
}

interface HowTo {
  /** Ends the sentence "To ...". */
  goal: string
  steps: Step[]
}

const BASE = '{base}'
const JSON_HEADER = "-H 'content-type: application/json'"

const say = (text: string): Step => ({ text, command: null })
const get = (path: string, text: string): Step => ({ text, command: `curl ${BASE}${path}` })
const post = (path: string, text: string, body?: object): Step =>
  ({ text, command: `curl -X POST ${BASE}${path}${body === undefined ? '' : ` ${JSON_HEADER} -d '${JSON.stringify(body)}'`}` })
const patch = (path: string, text: string, body: object): Step =>
  ({ text, command: `curl -X PATCH ${BASE}${path} ${JSON_HEADER} -d '${JSON.stringify(body)}'` })

const openSession = post('/agents/session', 'Open a session; the answer holds its `session_id`:')
const message = { session_id: 'SESSION_ID', role: 'user', content: 'How is the watchdog doing?' }
const sendMessage = post('/agents/message', 'Send a message:', message)
const readStream: Step = { text: 'Read the reply while it is written:', command: `curl -N '${BASE}/agents/stream?session_id=SESSION_ID'` }
const followJob: Step = {
  text: 'Look at a job; `wait` answers when it has ended, after that many seconds at the latest:',
  command: `curl '${BASE}/jobs/JOB_ID?wait=30'`
}
const checkUpstream = get('/circuit-breakers', 'See whether it is configured, and how its circuit breaker is doing:')

const EVENT = { event_type: 'ticket.created', data: { id: 1 } }

const configure = (name: string, settings: string, then: string): HowTo => ({
  goal: `configure ${name}`,
  steps: [say(`Set ${settings} in the environment and restart the service.`), say(then), checkUpstream]
})

const ENTRIES = {
  talk: { goal: 'talk to the assistant', steps: [openSession, sendMessage, readStream] },
  send_message: { goal: 'send a message', steps: [sendMessage, say('`session_id` comes from POST /agents/session.')] },
  read_stream: {
    goal: 'read the stream',
    steps: [
      { text: 'The reply to the latest message of a session, as server-sent events; it ends with `done`:', command: readStream.command },
      { text: 'Everything that happens to jobs, agents and circuit breakers:', command: `curl -N ${BASE}/stream` }
    ]
  },
  read_messages: {
    goal: 'read a conversation',
    steps: [get('/agents/sessions', 'List the sessions:'), get('/agents/session/SESSION_ID/messages', 'Read the messages of one:')]
  },
  cancel_reply: {
    goal: 'cancel a reply',
    steps: [post('/agents/session/SESSION_ID/cancel', 'Stop the reply under way, and those that wait behind it:')]
  },
  list_agents: {
    goal: 'see the agents',
    steps: [
      get('/agents', 'All of them, and how each is doing:'),
      get('/agents/watchdog', 'One of them, with its last runs and the schema of its input:')
    ]
  },
  run_agent: {
    goal: 'start an agent',
    steps: [
      post('/agents/watchdog/run', 'Start it; the answer holds the `job_id`:'),
      post('/agents/watchdog/run', 'Or with an input, where the agent takes one:', { input: {} }),
      followJob,
      say('Or tell me, for example: “Run the watchdog”.')
    ]
  },
  pause_agent: {
    goal: 'pause and resume an agent',
    steps: [
      patch('/agents/watchdog', 'Pause it; what would start it waits until it is resumed:', { enabled: false }),
      patch('/agents/watchdog', 'Resume it:', { enabled: true })
    ]
  },
  list_jobs: {
    goal: 'see the jobs',
    steps: [
      get('/jobs', 'All of them, newest first:'),
      { text: 'Only those in one state:', command: `curl '${BASE}/jobs?status=dead'` },
      followJob
    ]
  },
  cancel_job: {
    goal: 'cancel a job',
    steps: [post('/jobs/JOB_ID/cancel', 'One that has not ended:'), say('Or tell me: “Cancel job ” and its id.')]
  },
  retry_job: { goal: 'run a job again', steps: [post('/jobs/JOB_ID/retry', 'One that failed, died or was cancelled:')] },
  decide: {
    goal: 'approve or reject a proposal',
    steps: [
      { text: 'See what waits, each with its `plan_hash`:', command: `curl '${BASE}/proposals?status=pending'` },
      post('/proposals/PROPOSAL_ID/approve', 'Approve it, bound to the plan that you have seen:', { plan_hash: 'PLAN_HASH', actor: 'anna' }),
      post('/proposals/PROPOSAL_ID/reject', 'Or reject it:', { plan_hash: 'PLAN_HASH', actor: 'anna', reason: 'too dear' })
    ]
  },
  freeze: {
    goal: 'freeze what agents do, and lift it again',
    steps: [
      get('/freeze', 'See what is frozen:'),
      post('/freeze', 'Freeze everything at once; or `agent:` or `class:` and a name as the scope:', { scope: 'all', reason: 'looks wrong' }),
      post('/freeze/FREEZE_ID/lift', 'Lift it:', {})
    ]
  },
  undo: {
    goal: 'undo what agents changed',
    steps: [
      get('/effects', 'See what was changed, with the run that proposed it as `job_id`:'),
      post('/effects/EFFECT_ID/revert', 'Undo one change:'),
      post('/jobs/JOB_ID/revert', 'Undo all changes of a run:')
    ]
  },
  schedules: {
    goal: 'work with schedules',
    steps: [
      get('/schedules', 'See them:'),
      post('/schedules', 'Make one:', { id: 'watchdog-nightly', agent: 'watchdog', cron: '0 3 * * *', timezone: 'UTC' }),
      patch('/schedules/watchdog', 'Pause one, or change its `cron` or `timezone`:', { paused: true })
    ]
  },
  post_event: {
    goal: 'post an event',
    steps: [
      post('/events', 'Agents that are subscribed to its type run; the answer lists their jobs:', EVENT)
    ]
  },
  health: {
    goal: 'check the health',
    steps: [get('/healthz', 'Is it alive (answers `ok`):'), get('/readyz', 'Is it ready, with every check:')]
  },
  circuit_breakers: { goal: 'see the circuit breakers', steps: [get('/circuit-breakers', 'All of them, with their figures:')] },
  metrics: {
    goal: 'read the metrics',
    steps: [
      get('/metrics', 'As Prometheus text:'),
      { text: 'As JSON:', command: `curl -H 'accept: application/json' ${BASE}/metrics` }
    ]
  },
  docs: { goal: 'read the API reference', steps: [{ text: 'Open it in a browser:', command: `${BASE}/docs` }] },
  configure_shopify: configure('Shopify', 'SHOP_NAME and SHOPIFY_ACCESS_TOKEN (or SHOP_NAME, SHOPIFY_API_KEY and SHOPIFY_API_SECRET)',
    'Then ask me, for example: “How is the shop doing today?” or “Which orders need me?”.'),
  configure_github: configure('GitHub', 'GITHUB_TOKEN, GITHUB_REPO_OWNER and GITHUB_REPO_NAME',
    'Then ask me, for example: “Open pull requests” or “Is GitHub connected?”.'),
  configure_bigquery: configure('BigQuery', 'BIGQUERY_PROJECT_ID, BIGQUERY_DATASET and BIGQUERY_TABLE, and GOOGLE_APPLICATION_CREDENTIALS',
    'Then ask me: “Is BigQuery connected?”.'),
  configure_llm: configure('the language model', 'OPENAI_API_KEY (or OPENAI_BASE_URL, for a server that speaks the same protocol)',
    'OPENAI_MODEL names the model. Without any of this, and while it cannot be reached, I answer by rules.')
} satisfies Record<string, HowTo>

export type HowToTopic = keyof typeof ENTRIES
export const HOW_TO_TOPICS = Object.keys(ENTRIES) as HowToTopic[]

/** The goals of all topics, in words. */
export const howToGoals = (): string[] => Object.values(ENTRIES).map(({ goal }) => goal)

/** `base`: where people reach the API, without a slash at the end. */
export const guide = (topic: HowToTopic, base: string) => {
  const { goal, steps }: HowTo = ENTRIES[topic]
  return {
    topic,
    goal,
    steps: steps.map(({ text, command }) => ({ text, command: command?.replace(BASE, () => base) ?? null }))
  }
}
