// Writes what tools answered as lines of text. Every figure is the tool's own, character by character.
import { isObject } from '../http.ts'

const LONGEST_VALUE = 200
const MOST_ROWS = 10
const MOST_LINES = 60

export const renderResults = (results: ReadonlyArray<{ tool: string, content: string }>): string => results.map(({ tool, content }) => {
  const lines = renderResult(content)
  const shown = lines.slice(0, MOST_LINES)
  return [`${tool}:`, ...shown, ...(lines.length > shown.length ? [`(and ${lines.length - shown.length} more lines)`] : [])].join('\n')
}).join('\n\n')

const renderResult = (content: string): string[] => {
  let value: unknown
  try {
    value = JSON.parse(content)
  } catch {
    return [shorten(content)]
  }
  // Callers wrap what their tools answer as {ok, data} or {ok, error}.
  if (isObject(value) && value['ok'] === false) return [`It failed: ${shorten(String(value['error']))}`]
  const data = isObject(value) && value['ok'] === true && 'data' in value ? value['data'] : value
  const lines = render('', data)
  return lines.length === 0 ? ['It answered nothing.'] : lines
}

const render = (path: string, value: unknown): string[] => {
  const label = path === '' ? '' : `${path}: `
  if (Array.isArray(value)) {
    if (value.length === 0) return [`- ${label}none`]
    if (!value.some(isObject)) return [`- ${label}${value.map(scalar).join(', ')}`]
    return [
      `- ${path === '' ? 'entries' : path} (${value.length}):`,
      ...value.slice(0, MOST_ROWS).map((row, index) => `  ${index + 1}. ${flat(row).join('; ')}`),
      ...(value.length > MOST_ROWS ? [`  (and ${value.length - MOST_ROWS} more)`] : [])
    ]
  }
  if (isObject(value)) return Object.entries(value).flatMap(([name, inner]) => render(path === '' ? name : `${path} ${name}`, inner))
  return [`- ${label}${scalar(value)}`]
}

/** A row of a list on one line. */
const flat = (value: unknown, path = ''): string[] => {
  if (!isObject(value)) {
    const text = Array.isArray(value) ? value.map((inner) => isObject(inner) ? `{${flat(inner).join(', ')}}` : scalar(inner)).join(', ') : scalar(value)
    return [path === '' ? text : `${path} ${text}`]
  }
  return Object.entries(value).flatMap(([name, inner]) => flat(inner, path === '' ? name : `${path} ${name}`))
}

const scalar = (value: unknown): string => {
  if (value === null || value === undefined) return 'none'
  return shorten(typeof value === 'string' ? value : JSON.stringify(value))
}

const shorten = (text: string): string => text.length <= LONGEST_VALUE ? text : `${text.slice(0, LONGEST_VALUE).toWellFormed()}...`
