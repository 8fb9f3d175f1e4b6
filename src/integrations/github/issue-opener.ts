// Opens an issue once for each effect key, at an API that knows no keys: a hidden marker in the body says whose issue it is.
import { createHash } from 'node:crypto'
import type { NewIssue } from '../../core/repository.ts'
import { RepositoryError } from '../../core/repository.ts'
import { PAGE_BYTES, type GithubClient } from './client.ts'
import { CreatedIssueSchema, IssueListSchema, type IssueItem } from './schemas.ts'

export interface Opened {
  number: number
  url: string
  created: boolean
}

interface Marked {
  marker: string
  number: number
  url: string
}

const PAGES_TO_LOOK_AT = 3
const REMEMBERED = 1_000
const LONGEST_KEY = 200
const LONGEST_TITLE = 256
const LONGEST_BODY = 60_000
const MOST_LABELS = 100
const LONGEST_LABEL = 50
const MARKER = /<!-- royal-equips effect ([0-9a-f]{40}) -->/g

/** `sent`: whether a call that failed this way may have reached GitHub all the same. */
export const createIssueOpener = (client: GithubClient, repositoryPath: string, sent: (error: unknown) => boolean) => {
  // GitHub's list may lag behind a write for a moment: what this process opened itself it knows at once.
  const opened = new Map<string, Omit<Opened, 'created'>>()
  let turn: Promise<unknown> = Promise.resolve()

  /** Among the newest issues, open or closed. Not by the search API: its index lags by up to minutes. */
  const find = async (marker: string, signal: AbortSignal): Promise<Marked | undefined> => {
    let next: string | undefined = `${repositoryPath}/issues?state=all&sort=created&direction=desc&per_page=100`
    for (let page = 0; next !== undefined && page < PAGES_TO_LOOK_AT; page++) {
      const got: { value: Marked[], next: string | undefined } = await client.get(next, IssueListSchema, readMarkers, signal, PAGE_BYTES)
      const found = got.value.find((issue) => issue.marker === marker)
      if (found !== undefined) return found
      next = got.next
    }
    return undefined
  }

  const open = async (issue: NewIssue, signal: AbortSignal): Promise<Opened> => {
    signal.throwIfAborted()
    const marker = markerOf(issue.effect_key)
    // Always looked for first: a process that died after it had sent the issue leaves nothing else behind.
    const known = opened.get(marker) ?? await find(marker, signal)
    if (known !== undefined) return { number: known.number, url: known.url, created: false }
    const made = await send(issue, marker, signal)
    if (opened.size >= REMEMBERED) opened.clear()
    opened.set(marker, { number: made.number, url: made.url })
    return made
  }

  const send = async ({ title, body, labels }: NewIssue, marker: string, signal: AbortSignal): Promise<Opened> => {
    const marked = { title, body: `${body}\n\n<!-- royal-equips effect ${marker} -->`, ...(labels === undefined ? {} : { labels: [...labels] }) }
    try {
      const made = await client.post(`${repositoryPath}/issues`, marked, CreatedIssueSchema, signal)
      return { number: made.number, url: made.html_url, created: true }
    } catch (error) {
      if (signal.aborted || !sent(error)) throw error
      const found = await find(marker, signal).catch(() => undefined)
      if (found !== undefined) return { number: found.number, url: found.url, created: true }
      // Not found is no proof that it was not opened: it may still be under way. So it is never sent twice here.
      throw new RepositoryError('repository_outcome_unknown',
        'GitHub gave no usable answer: whether the issue was opened is unknown. Try again with the same effect key in half a minute.', { cause: error })
    }
  }

  return (issue: NewIssue, signal: AbortSignal): Promise<Opened> => {
    const fault = faultOfIssue(issue)
    if (fault !== undefined) return Promise.reject(new RepositoryError('repository_invalid_request', fault))
    // One after the other: the second of two calls with one key has to find what the first one opened, and GitHub asks for it too.
    const mine = turn.then(() => open(issue, signal))
    turn = mine.catch(() => {})
    return mine
  }
}

const faultOfIssue = ({ effect_key: key, title, body, labels = [] }: NewIssue): string | undefined => {
  if (key.length === 0 || key.length > LONGEST_KEY) return `An effect key has 1 to ${LONGEST_KEY} characters.`
  if (title.trim() === '' || title.length > LONGEST_TITLE) return `The title of an issue has 1 to ${LONGEST_TITLE} characters.`
  if (body.length > LONGEST_BODY) return `The body of an issue has at most ${LONGEST_BODY} characters.`
  if (labels.length > MOST_LABELS || labels.some((label) => label.trim() === '' || label.length > LONGEST_LABEL)) {
    return `An issue has at most ${MOST_LABELS} labels of 1 to ${LONGEST_LABEL} characters.`
  }
  if (![key, title, body, ...labels].every((text) => text.isWellFormed() && !text.includes('\0'))) return 'The issue holds text that is not valid Unicode.'
  return undefined
}

/** A digest: the key itself is nobody's business in a public issue, and it may hold anything. */
const markerOf = (key: string): string => createHash('sha256').update(`royal-equips issue ${key}`).digest('hex').slice(0, 40)

const readMarkers = (issues: IssueItem[]): Marked[] => issues.flatMap((issue) => {
  // The last one is ours: the text before it may quote another issue.
  const marker = [...(issue.body ?? '').matchAll(MARKER)].at(-1)?.[1]
  return marker === undefined || issue.pull_request !== undefined ? [] : [{ marker, number: issue.number, url: issue.html_url }]
})
