// Sends our operations: with a token, when the query budget allows it, and with an answer that was looked at before it is believed.
import { ThrottledError, verdictOfStatus, type Verdict } from '../../core/breaker-registry.ts'
import type { Clock } from '../../core/clock.ts'
import type { Lane } from '../../core/commerce.ts'
import { CommerceError } from '../../core/commerce-error.ts'
import type { HttpAnswer, HttpClient } from '../http/index.ts'
import { isChange, mostBytes, sizeOf } from './answer-size.ts'
import type { CostReport } from './cost-bucket.ts'
import type { CostScheduler, Sending } from './cost-scheduler.ts'
import { documents, type OperationName } from './documents/index.ts'
import { costReport, envelopeOf, errorOf, hasErrorCode, isShopFailure, throttleWaitMs, type Envelope } from './errors.ts'
import { FACTS } from './facts.ts'
import { httpFault, wasNotSent } from './http-faults.ts'
import type { Operations } from './operations.ts'
import { pageWeight } from './page-points.ts'
import { faultOfShape } from './shape.ts'
import type { Tokens } from './tokens.ts'
import { API_VERSION } from './version.ts'

export interface Call {
  lane: Lane
  signal: AbortSignal
  /** Sending it twice does no harm: reads, and changes with a key or an absolute target. */
  idempotent?: boolean
}

export interface Result<Name extends OperationName> {
  data: Operations[Name]['data']
  /** Wall clock, when the answer was there. */
  read_at: number
  cost: CostReport | undefined
}

export interface ShopGraphQL {
  /** @throws CommerceError, CircuitOpenError, CostTooHighError, or the reason of the signal. */
  execute<Name extends OperationName> (name: Name, variables: Operations[Name]['variables'], call: Call): Promise<Result<Name>>
  /** The largest page that, as far as is known by now, costs at most so many points: 1 to 250. */
  pageSize (name: OperationName, points: number): number
}

/** A single query may cost at most 1,000 points, however full the bucket is: ask for less. */
export class CostTooHighError extends CommerceError {
  constructor () {
    super('shop_answer_invalid', 'The query asks for more than the shop answers at once.')
    this.name = 'CostTooHighError'
  }
}

export interface ShopGraphQLOptions {
  http: Pick<HttpClient, 'send'>
  tokens: Tokens
  scheduler: CostScheduler
  clock: Pick<Clock, 'now'>
}

/** A 429 that does not say for how long. */
const UNTOLD_WAIT_MS = 2_000

export const createShopGraphQL = ({ http, tokens, scheduler, clock }: ShopGraphQLOptions): ShopGraphQL => {
  // What the shop asks of an operation, as a multiple of our estimate: from its last answer, and so good for another size of page too.
  const learned = new Map<OperationName, number>()

  const post = async (name: OperationName, variables: object, call: Call, token: string): Promise<{ answer: HttpAnswer, envelope: Envelope }> => {
    const answer = await http.send({
      method: 'POST',
      path: `/admin/api/${API_VERSION}/graphql.json`,
      headers: { 'content-type': 'application/json', 'x-shopify-access-token': token },
      body: JSON.stringify({ query: documents[name], operationName: name, variables }),
      idempotent: call.idempotent ?? !isChange(name),
      maxBytes: mostBytes(name, variables),
      signal: call.signal,
      judge
    })
    const envelope = envelopeOf(answer.body)
    if (typeof envelope !== 'string') return { answer, envelope }
    // What comes with another status may be anything: the status says enough.
    if (answer.status === 200) throw invalid(name, envelope, answer)
    return { answer, envelope: {} }
  }

  const attempt = async <Name extends OperationName>(
    name: Name, variables: Operations[Name]['variables'], call: Call
  ): Promise<Sending<Result<Name>>> => {
    let token = await tokens.get(call.signal)
    let { answer, envelope } = await post(name, variables, call, token)
    if (answer.status === 401 && tokens.rejected(token)) {
      token = await tokens.get(call.signal)
      ;({ answer, envelope } = await post(name, variables, call, token))
    }
    if (answer.status === 401) {
      tokens.rejected(token)
      throw new CommerceError('shop_credentials_rejected', 'The shop does not accept the access token.', requestOf(answer))
    }
    if (answer.status === 429) return { kind: 'again', waitMs: answer.retryAfterMs ?? UNTOLD_WAIT_MS, report: undefined }
    if (answer.status !== 200) throw refusal(answer)
    const report = costReport(envelope)
    if (report !== undefined) learned.set(name, report.requested / estimate(name, variables))
    if (hasErrorCode(envelope, 'THROTTLED')) return { kind: 'again', waitMs: throttleWaitMs(envelope), report }
    if (hasErrorCode(envelope, 'MAX_COST_EXCEEDED')) throw new CostTooHighError()
    const error = errorOf(envelope, answer.header('x-request-id'))
    if (error !== undefined) throw error
    const fault = faultOfShape(FACTS[name].shape, envelope.data)
    if (fault !== undefined) throw invalid(name, fault, answer)
    return { kind: 'done', value: { data: envelope.data as Operations[Name]['data'], read_at: clock.now(), cost: report }, report }
  }

  return {
    execute: (name, variables, call) => scheduler.run({
      lane: call.lane,
      signal: call.signal,
      cost: () => estimate(name, variables) * (learned.get(name) ?? 1),
      async send () {
        try {
          return await attempt(name, variables, call)
        } catch (error) {
          // Nothing was sent in either case.
          if (error instanceof ThrottledError) return { kind: 'again', waitMs: error.retryAfterMs, report: undefined }
          if (wasNotSent(error)) return { kind: 'refused', error: httpFault(error) }
          throw httpFault(error)
        }
      }
    }),
    pageSize (name, points) {
      const costs = (first: number): number => estimate(name, { first }) * (learned.get(name) ?? 1)
      let size = LARGEST_PAGE
      while (size > 1 && costs(size) > points) size -= 1
      return size
    }
  }
}

/** Shopify refuses larger ones. */
const LARGEST_PAGE = 250

const estimate = (name: OperationName, variables: object): number => {
  const { fixed, perItem, paged } = FACTS[name].cost
  const size = sizeOf(variables)
  return Math.max(1, fixed + perItem * (paged === true ? pageWeight(size) : size))
}

const judge = ({ status, retryAfterMs, body }: HttpAnswer): Verdict => {
  if (status !== 200) return verdictOfStatus(status, { untold: UNTOLD_WAIT_MS, ...(retryAfterMs === undefined ? {} : { told: retryAfterMs }) })
  const envelope = envelopeOf(body)
  if (typeof envelope === 'string') return { kind: 'failure', error: { code: 'upstream_answer_invalid', message: `The answer is no GraphQL: ${envelope}` } }
  if (hasErrorCode(envelope, 'THROTTLED')) return { kind: 'throttled', waitMs: throttleWaitMs(envelope) }
  if (isShopFailure(envelope)) return { kind: 'failure', error: { code: 'shop_error', message: 'The shop answers with an error of its own.' } }
  return { kind: 'success', credential: 'accepted' }
}

const refusal = (answer: HttpAnswer): CommerceError => {
  switch (answer.status) {
    // Unpaid, forbidden, locked: for us the same, and for the owner to mend.
    case 402:
    case 403:
    case 423: return new CommerceError('shop_credentials_rejected', `The shop is closed to us (status ${answer.status}).`, requestOf(answer))
    case 404: return new CommerceError('shop_not_found', 'There is no shop at this address.', requestOf(answer))
    default: return new CommerceError('shop_unavailable', `The shop answers with status ${answer.status}.`, requestOf(answer))
  }
}

const invalid = (name: string, fault: string, answer: HttpAnswer): CommerceError =>
  new CommerceError('shop_answer_invalid', `The answer to ${name} is not valid: ${fault}`, requestOf(answer))

const requestOf = (answer: HttpAnswer): { requestId?: string } => {
  const requestId = answer.header('x-request-id')
  return requestId === undefined ? {} : { requestId }
}
