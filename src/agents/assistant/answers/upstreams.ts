// Answers about what lies behind the upstreams: GitHub, BigQuery, and whether each of them answers.
import { bytes, count, figure, listed, moment } from '../../wording.ts'
import { AppError } from '../../../core/errors.ts'
import type { Answer, Desk } from '../desk.ts'
import type { Intent } from '../intent.ts'
import type { AssistantTools } from '../tools.ts'
import { quoted, readAge } from './shop-wording.ts'

type About = Extract<Intent, { kind: 'github' }>['about']
type GithubRecord = Awaited<ReturnType<AssistantTools['github_status']['run']>>

export async function * github (about: About, desk: Desk): Answer {
  const record = await desk.use('github_status')
  const read = readAge(record.read_at, desk.now())
  const where = `${quoted(record.repository)}${record.archived ? ' (archived)' : ''}`
  if (about === 'status') {
    const pushed = record.pushed_at === null ? 'nothing was ever pushed' : `last push ${moment(record.pushed_at, desk.now())}`
    yield `${where}, ${read}: ${count(record.open_pull_requests, 'open pull request')}, ${count(record.open_issues, 'open issue')}; ${pushed}.`
    yield `- ${checksOf(record)}`
  } else if (about === 'checks') {
    yield `${where}, ${read}. ${checksOf(record)}`
  } else if (about === 'pull_requests') {
    yield `${where} has ${count(record.open_pull_requests, 'open pull request')}, ${read}${record.open_pull_requests === 0 ? '.' : ':'}`
    if (record.pull_requests === null) yield `- They could not be read: ${record.pull_requests_fault ?? ''}`
    for (const pull of record.pull_requests ?? []) {
      const waits = pull.review_requested_from.length === 0 ? '' : `, waits for a review by ${listed(pull.review_requested_from.map(quoted))}`
      yield `- #${pull.number} ${quoted(pull.title)}${pull.draft ? ' (draft)' : ''}${byOf(pull.author)}, changed ${moment(pull.updated_at, desk.now())}${waits}`
    }
  } else {
    yield `${where} has ${count(record.open_issues, 'open issue')}, ${read}${record.open_issues === 0 ? '.' : ':'}`
    if (record.issues === null) yield `- They could not be read: ${record.issues_fault ?? ''}`
    for (const issue of record.issues ?? []) {
      yield `- #${issue.number} ${quoted(issue.title)}${byOf(issue.author)}, changed ${moment(issue.updated_at, desk.now())}`
    }
  }
}

const byOf = (author: string | null): string => author === null ? '' : ` by ${quoted(author)}`

const checksOf = ({ checks, checks_fault: fault, default_branch: branch }: GithubRecord): string => {
  if (checks === null) return `The checks could not be read: ${fault ?? ''}`
  const all = `${count(checks.total, 'check')} of ${quoted(branch)}`
  switch (checks.state) {
    case 'none': return `Nothing has reported a check of ${quoted(branch)}.`
    case 'passing': return `All is well with the ${all}.`
    case 'pending':
      return `Of the ${all}, ${figure(checks.pending.length)} ${checks.pending.length === 1 ? 'is' : 'are'} not done: ${listed(checks.pending.map(quoted))}.`
    case 'failing': return `Of the ${all}, ${figure(checks.failing.length)} failed: ${listed(checks.failing.map(quoted))}.`
  }
}

export async function * bigquery (desk: Desk): Answer {
  const record = await desk.use('bigquery_status')
  yield `BigQuery answers, ${readAge(record.read_at, desk.now())}: the dataset ${quoted(record.dataset)} lies in ${quoted(record.location)}.`
  const { table } = record
  if (table === null) yield `- No table: ${record.table_reason ?? ''}`
  else {
    const size = table.bytes === null ? '' : `, ${bytes(table.bytes)}`
    yield `- Table ${quoted(table.name)}: ${table.rows === null ? 'rows are not counted' : count(table.rows, 'row')}${size}, ${count(table.columns, 'column')}.`
  }
}

/** One line: asked just now, or a moment ago. Undefined: this upstream cannot be asked. */
export const liveState = async (name: string, desk: Desk): Promise<string | undefined> => {
  if ((name !== 'shopify_api' && name !== 'github_api' && name !== 'bigquery') || desk.unconnected(name) !== undefined) return undefined
  try {
    switch (name) {
      case 'shopify_api': {
        const { shop, domain, read_at: at } = await desk.use('shop_info')
        return `Connected: the shop ${quoted(shop)} (${quoted(domain)}) answers, ${readAge(at, desk.now())}.`
      }
      case 'github_api': {
        const { repository, read_at: at } = await desk.use('github_status')
        return `Connected: the repository ${quoted(repository)} answers, ${readAge(at, desk.now())}.`
      }
      case 'bigquery': {
        const { dataset, location, read_at: at } = await desk.use('bigquery_status')
        return `Connected: the dataset ${quoted(dataset)} in ${quoted(location)} answers, ${readAge(at, desk.now())}.`
      }
    }
  } catch (error) {
    if (!(error instanceof AppError)) throw error
    return `No answer: ${error.message}`
  }
}
