// Reads and writes GitHub's REST API: conditional requests, paging, and its refusals in the words of the port.
import type { Static, TSchema } from '@sinclair/typebox'
import { RepositoryError } from '../../core/repository.ts'
import { createEtagCache, type CachedAnswer } from './etag-cache.ts'

export interface Answer {
  status: number
  header: (name: string) => string | undefined
  /** Parsed JSON; undefined for an empty body. */
  body: unknown
}

export interface Request {
  method: 'GET' | 'POST'
  /** With its query: `/repos/o/r/issues?state=open`. */
  path: string
  headers?: Record<string, string>
  body?: object
  /** What the body of a 2xx has to be. */
  schema: TSchema
  /** Of the answer. */
  maxBytes: number
  signal: AbortSignal
}

/**
 * One guarded call. Answers with any complete answer, refusals among them, but those that say "wait".
 * @throws ThrottledError, CircuitOpenError, and the errors of the HTTP client: an answer that does not fit the schema is one of them.
 */
export type Send = (request: Request) => Promise<Answer>

export interface Read<T> {
  value: T
  /** The path of the next page. */
  next: string | undefined
  /** The number of the last page; 1 when all is on one. */
  pages: number
  header: Answer['header']
}

export interface GithubClient {
  /**
   * One answer. What `read` makes of it is kept with its ETag: it must depend on nothing but the answer. `maxBytes`: where it may be larger than a
   * description of the repository.
   */
  get<S extends TSchema, T> (path: string, schema: S, read: (answer: Static<S>) => T, signal: AbortSignal, maxBytes?: number): Promise<Read<T>>
  /** Items of as many pages as `limit` needs. `more`: there is a further item or page. */
  list<S extends TSchema, T> (
    path: string, schema: S, read: (answer: Static<S>) => T[], limit: number, signal: AbortSignal
  ): Promise<{ items: T[], more: boolean }>
  post<S extends TSchema> (path: string, body: object, schema: S, signal: AbortSignal): Promise<Static<S>>
}

const CACHED_PAGES = 200
const MOST_PAGES = 20
/** A description of the repository, with that of its organisation, takes 15 KiB. */
const LEAST_BYTES = 128 * 1024
/** A pull request or an issue with a description of 65,536 characters, in any script. */
export const LONG_BYTES = 512 * 1024
/** A page of 100 pull requests, each with two descriptions of its repository, is 2 to 3 MB. */
export const PAGE_BYTES = 4 * 2 ** 20

export const createGithubClient = (send: Send, baseUrl: string): GithubClient => {
  const cache = createEtagCache(CACHED_PAGES)

  const get: GithubClient['get'] = async (path, schema, read, signal, maxBytes = LEAST_BYTES) => {
    const known = cache.get(path) as CachedAnswer<ReturnType<typeof read>> | undefined
    const answer = await send({ method: 'GET', path, schema, maxBytes, signal, ...(known === undefined ? {} : { headers: { 'if-none-match': known.etag } }) })
    const { header } = answer
    if (answer.status === 304 && known !== undefined) return { value: known.value, next: known.next, pages: known.pages, header }
    const value = read(accepted(answer, path) as Static<typeof schema>)
    const next = nextPath(header('link'), baseUrl)
    const pages = lastPage(header('link'))
    const etag = header('etag')
    if (etag !== undefined) cache.set(path, { etag, value, next, pages })
    return { value, next, pages, header }
  }

  return {
    get,
    async list (path, schema, read, limit, signal) {
      const items: Array<ReturnType<typeof read>[number]> = []
      let next: string | undefined = path
      for (let page = 0; next !== undefined && items.length < limit && page < MOST_PAGES; page++) {
        const got: Read<ReturnType<typeof read>> = await get(next, schema, read, signal, PAGE_BYTES)
        items.push(...got.value)
        next = got.next
      }
      return { items: items.slice(0, limit), more: items.length > limit || next !== undefined }
    },
    async post (path, body, schema, signal) {
      return accepted(await send({ method: 'POST', path, body, schema, maxBytes: LONG_BYTES, signal }), path) as Static<typeof schema>
    }
  }
}

const accepted = (answer: Answer, path: string): unknown => {
  if (answer.status < 200 || answer.status > 299) throw refusal(answer, path)
  return answer.body
}

/** The error for a complete answer that refuses. */
const refusal = (answer: Answer, path: string): RepositoryError => {
  const what = withoutQuery(path)
  const said = messageOf(answer.body)
  if (answer.status === 408 || answer.status >= 500) return new RepositoryError('repository_unavailable', `GitHub is failing (status ${answer.status}).`)
  switch (answer.status) {
    case 401: return new RepositoryError('repository_credential_rejected', 'GitHub does not accept the token: check GITHUB_TOKEN.')
    case 403: {
      // Fine-grained tokens are told which permission would have done.
      const needed = answer.header('x-accepted-github-permissions')
      const hint = needed === undefined || needed === '' ? '' : ` It needs: ${needed.slice(0, LONGEST_MESSAGE)}.`
      return new RepositoryError('repository_access_denied', `The token in GITHUB_TOKEN may not use ${what}: ${said}${hint}`)
    }
    case 404: return new RepositoryError('repository_not_found',
      `GitHub has no ${what}, or the token in GITHUB_TOKEN may not see it: check GITHUB_REPO_OWNER and GITHUB_REPO_NAME.`)
    case 410: return new RepositoryError('repository_invalid_request', `${what} is switched off in this repository: ${said}`)
    default: return new RepositoryError('repository_invalid_request', `GitHub refused ${what} with status ${answer.status}: ${said}`)
  }
}

const LONGEST_MESSAGE = 200

export const messageOf = (body: unknown): string => {
  const message = body !== null && typeof body === 'object' && 'message' in body ? body.message : undefined
  return typeof message === 'string' && message !== '' ? message.slice(0, LONGEST_MESSAGE) : 'it gives no reason.'
}

const withoutQuery = (path: string): string => path.split('?')[0] as string

/** The path of rel="next", when it lies below the same base address: a token is never sent anywhere else. */
const nextPath = (link: string | undefined, baseUrl: string): string | undefined => {
  const base = new URL(baseUrl)
  const url = URL.parse(linked(link, 'next') ?? '', baseUrl)
  if (url?.origin !== base.origin) return undefined
  const prefix = base.pathname.replace(/\/$/, '')
  return url.pathname.startsWith(`${prefix}/`) && url.pathname !== '/' ? url.pathname.slice(prefix.length) + url.search : undefined
}

const lastPage = (link: string | undefined): number => {
  const page = Number(URL.parse(linked(link, 'last') ?? '')?.searchParams.get('page'))
  return Number.isInteger(page) && page > 0 ? page : 1
}

const linked = (link: string | undefined, relation: 'next' | 'last'): string | undefined => {
  for (const [, address, parameters] of (link ?? '').matchAll(/<([^<>]*)>([^<]*)/g)) {
    if (new RegExp(`\\brel="?${relation}\\b`).test(parameters ?? '')) return address
  }
  return undefined
}
