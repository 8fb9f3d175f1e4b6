// Answers of GitHub by address with their ETag: an unchanged one is a 304, which costs nothing of the hourly limit.

export interface CachedAnswer<T = unknown> {
  etag: string
  /** What was made of the answer, not the answer: a page of pull requests is 2 MB on the wire and 50 kB of what we use. */
  value: T
  /** The path of the next page, and how many pages there are. */
  next: string | undefined
  pages: number
}

export interface EtagCache {
  get (address: string): CachedAnswer | undefined
  set (address: string, answer: CachedAnswer): void
  readonly size: number
}

/** One cache a credential: what one token may see is never answered to another. The entry unused for longest goes first. */
export const createEtagCache = (capacity: number): EtagCache => {
  const entries = new Map<string, CachedAnswer>()
  return {
    get (address) {
      const entry = entries.get(address)
      if (entry === undefined) return undefined
      entries.delete(address)
      entries.set(address, entry)
      return entry
    },
    set (address, answer) {
      entries.delete(address)
      entries.set(address, answer)
      const oldest = entries.keys().next()
      if (entries.size > capacity && oldest.done !== true) entries.delete(oldest.value)
    },
    get size () { return entries.size }
  }
}
