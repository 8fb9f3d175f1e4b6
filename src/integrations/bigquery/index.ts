// BigQuery behind its circuit breaker: one dataset as a port, and a probe of it.
import type { TSchema } from '@sinclair/typebox'
import type { BreakerRegistry } from '../../core/breaker-registry.ts'
import { ThrottledError } from '../../core/breaker-registry.ts'
import { faultOf } from '../../core/check.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/log.ts'
import type { Random } from '../../core/random.ts'
import type { ProbeResult, Source, Upstream } from '../../core/upstream.ts'
import { WarehouseError, type Warehouse } from '../../core/warehouse.ts'
import { createHttpClient, namesPrivateHost, UpstreamError, type HttpClient, type HttpRequest } from '../http/index.ts'
import { createBigqueryClient } from './client.ts'
import { faultOfAnswer, judge } from './errors.ts'
import { TokenAnswerSchema } from './schemas.ts'
import { checkDataset, checkProject, checkTable } from './statements.ts'
import { createTokens, fixedToken } from './tokens.ts'
import { createWarehouse } from './warehouse.ts'
import type { Answer, Exchange, Send } from './wire.ts'

export interface BigqueryOptions {
  projectId: string
  dataset: string
  /** What calls without a table mean. */
  table?: string | undefined
  /** The path of a credentials file, read with the first call. Not needed for the sandbox, which takes any token. */
  credentialsFile?: string | undefined
  endpoint?: string | undefined
  source: Source
  /** Knows `bigquery`. */
  breakers: BreakerRegistry
  clock: Clock
  random: Random
  log: Logger
}

export interface Bigquery {
  warehouse: Warehouse
  upstream: Upstream
  close (): Promise<void>
}

const DEPENDENCY = 'bigquery'
/** BigQuery waits at most 5 s with its answer where we ask it to. */
const DEADLINE_MS = 20_000
const ENDPOINT = 'https://bigquery.googleapis.com'

/** @throws WarehouseError when the project, the dataset or the table cannot be a name in BigQuery. */
export const createBigquery = (options: BigqueryOptions): Bigquery => {
  const { projectId, dataset, table, credentialsFile, endpoint = ENDPOINT, source, breakers, clock, random, log } = options
  checkProject(projectId)
  checkDataset(dataset)
  if (table !== undefined) checkTable(table)
  const shared = { dependency: DEPENDENCY, breakers, clock, random, log, deadlineMs: DEADLINE_MS }
  // An endpoint that is not Google's own was given by whoever runs this: an emulator in their network, or the sandbox.
  const http = createHttpClient({ ...shared, baseUrl: endpoint, allowPrivate: new URL(endpoint).host !== new URL(ENDPOINT).host })
  const closing = new AbortController()
  let tokenHttp: { origin: string, client: HttpClient } | undefined

  const checked = async (client: HttpClient, schema: TSchema, request: Omit<HttpRequest, 'idempotent'>, judgeIt: Judge): Promise<Answer> => {
    let throttled = false
    const answer = await client.send({
      ...request,
      idempotent: true,
      judge: (got) => {
        const verdict = judgeIt(got.status, faultOfAnswer(got.body), got.retryAfterMs)
        throttled = verdict.kind === 'throttled'
        return verdict
      }
    })
    if (throttled) throw new ThrottledError(DEPENDENCY, breakers.get(DEPENDENCY).gate.remainingMs())
    if (answer.status >= 200 && answer.status < 300) {
      const fault = await faultOf(schema, answer.body)
      // The path of the fault and no value: a token is checked here too.
      if (fault !== undefined) {
        throw new UpstreamError(DEPENDENCY, 'upstream_answer_invalid',
          `Google's answer to ${request.path.split('?')[0]} is not what its documentation says: ${fault}.`)
      }
    }
    return answer
  }

  const send: Send = async ({ method, path, token, body, schema, maxBytes, signal }) => await checked(http, schema, {
    method,
    path,
    headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    maxBytes,
    signal
  }, judge)

  const exchange: Exchange = async ({ url, form }) => {
    if (tokenHttp?.origin !== url.origin) {
      await tokenHttp?.client.close()
      tokenHttp = { origin: url.origin, client: createHttpClient({ ...shared, baseUrl: url.origin, allowPrivate: namesPrivateHost(url.hostname) }) }
    }
    return await checked(tokenHttp.client, TokenAnswerSchema, {
      method: 'POST',
      path: url.pathname + url.search,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
      signal: closing.signal
    }, judgeGrant)
  }

  const tokens = source === 'sandbox' ? fixedToken('sandbox') : createTokens({ credentialsFile, exchange, clock })
  const client = createBigqueryClient(send, projectId, tokens)
  const warehouse = createWarehouse({ client, projectId, dataset, table, source, clock })

  const probe = async (signal: AbortSignal): Promise<ProbeResult> => {
    try {
      const { dataset: name, location } = await warehouse.dataset({ signal })
      return { message: `Dataset ${name} answers; its data lies in ${location}.`, missing_scopes: [], details: { dataset: name, location } }
    } catch (error) {
      throw error instanceof WarehouseError ? explained(error) : error
    }
  }

  return {
    warehouse,
    upstream: { name: DEPENDENCY, source, host: new URL(endpoint).host, probe },
    async close () {
      closing.abort()
      await Promise.all([http.close(), tokenHttp?.client.close()])
    }
  }
}

type Judge = typeof judge

/** A grant that is refused is a 400 or a 401: the credentials' end, and no fault of the endpoint. */
const judgeGrant: Judge = (status, fault, told) => status === 400 || status === 401 ? { kind: 'success', credential: 'rejected' } : judge(status, fault, told)

/** With what to do about it. */
const explained = (error: WarehouseError): WarehouseError => {
  const hints: Partial<Record<WarehouseError['code'], string>> = {
    warehouse_not_found: 'Check BIGQUERY_PROJECT_ID and BIGQUERY_DATASET, or create the dataset.',
    warehouse_access_denied: 'Give the account in the file of GOOGLE_APPLICATION_CREDENTIALS the role BigQuery Data Editor on the dataset ' +
      'and BigQuery Job User on the project.'
  }
  const hint = hints[error.code]
  return hint === undefined ? error : new WarehouseError(error.code, `${error.message} ${hint}`, { reason: error.reason, cause: error })
}
