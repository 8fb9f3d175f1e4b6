// Pages of lists: cursors that hold the place of a record in its order, so that a page stays right when records come and go.
import { GraphQLError } from 'graphql'

export interface PageArguments {
  first?: number | null
  last?: number | null
  after?: string | null
  before?: string | null
  reverse?: boolean | null
}

/** A record's place in its list; of two equal values the id decides. */
export interface Place { value: number | string, id: number }

export interface Connection<T = unknown> {
  items: T[]
  place: (item: T) => Place
  hasNext: boolean
  hasPrevious: boolean
}

const MOST = 250

export const cursorOf = ({ value, id }: Place): string => Buffer.from(JSON.stringify({ last_id: id, last_value: value })).toString('base64')

export const comparePlaces = (a: Place, b: Place): number => {
  if (a.value !== b.value) return a.value < b.value ? -1 : 1
  return a.id - b.id
}

/** `sorted` by place, ascending. @throws GraphQLError for arguments that Shopify refuses. */
export const pageOf = <T>(sorted: readonly T[], page: PageArguments, place: (item: T) => Place): Connection<T> => {
  const { first, last, after, before, reverse } = page
  if (first == null && last == null) throw refusal('you must provide one of first or last')
  if (first != null && last != null) throw refusal('providing both first and last is not supported')
  const size = first ?? last ?? 0
  if (size < 0) throw refusal(`${first == null ? 'last' : 'first'} cannot be negative`)
  if (size > MOST) throw refusal(`${first == null ? 'last' : 'first'} cannot exceed ${MOST}`)

  const length = sorted.length
  // Positions in the order that was asked for; the list itself is not turned round.
  const at = (position: number): T => sorted[reverse === true ? length - 1 - position : position] as T
  const direction = reverse === true ? -1 : 1
  /** First position whose place is not before this one, or with `past` behind it. */
  const find = (wanted: Place, past: boolean): number => {
    let low = 0
    let high = length
    while (low < high) {
      const middle = (low + high) >> 1
      const order = direction * comparePlaces(place(at(middle)), wanted)
      if (order > 0 || (order === 0 && !past)) high = middle
      else low = middle + 1
    }
    return low
  }
  let from = after == null ? 0 : find(placeOf(after), true)
  let to = before == null ? length : find(placeOf(before), false)
  if (first != null) to = Math.min(to, from + size)
  else from = Math.max(from, to - size)
  const items: T[] = []
  for (let position = from; position < to; position++) items.push(at(position))
  return { items, place, hasNext: to < length, hasPrevious: from > 0 }
}

/** Short lists below a record, in the order that they have. */
export const pageOfList = <T>(list: readonly T[], page: PageArguments): Connection<T> => {
  const positions = new Map(list.map((item, index) => [item, index]))
  return pageOf(list, page, (item) => ({ value: positions.get(item) ?? 0, id: 0 }))
}

export const whole = <T>(items: T[]): Connection<T> => ({ items, place: () => ({ value: 0, id: 0 }), hasNext: false, hasPrevious: false })

const refusal = (message: string): GraphQLError => new GraphQLError(message, { extensions: { code: 'BAD_REQUEST' } })

const placeOf = (cursor: string): Place => {
  try {
    const { last_id: id, last_value: value } = JSON.parse(Buffer.from(cursor, 'base64').toString()) as { last_id: unknown, last_value: unknown }
    if (typeof id === 'number' && (typeof value === 'number' || typeof value === 'string')) return { value, id }
  } catch {}
  throw refusal('Invalid cursor for current pagination sort.')
}
