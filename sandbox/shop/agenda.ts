// What is going to happen in the shop, in the order of time.

/** Shopify's times have no fractions: none are kept, so that what is filtered and what is read agree. */
export const wholeSecond = (time: number): number => Math.floor(time / 1_000) * 1_000

export interface Agenda {
  at (time: number, run: () => void): void
  takeUntil (time: number): { time: number, run: () => void } | undefined
}

/** What is going to happen, the next thing first; of two things at the same time the one that was noted first. */
export const makeAgenda = (): Agenda => {
  const heap: Array<{ time: number, place: number, run: () => void }> = []
  let places = 0
  const before = (a: number, b: number): boolean => {
    const one = heap[a]
    const two = heap[b]
    return one !== undefined && two !== undefined && (one.time < two.time || (one.time === two.time && one.place < two.place))
  }
  const swap = (a: number, b: number): void => {
    const one = heap[a]
    const two = heap[b]
    if (one === undefined || two === undefined) return
    heap[a] = two
    heap[b] = one
  }
  return {
    at (time, run) {
      heap.push({ time: wholeSecond(time), place: places++, run })
      for (let i = heap.length - 1; i > 0;) {
        const parent = (i - 1) >> 1
        if (!before(i, parent)) break
        swap(i, parent)
        i = parent
      }
    },
    takeUntil (time) {
      const first = heap[0]
      if (first === undefined || first.time > time) return undefined
      swap(0, heap.length - 1)
      heap.pop()
      for (let i = 0; ;) {
        const left = 2 * i + 1
        const child = left + 1 < heap.length && before(left + 1, left) ? left + 1 : left
        if (child >= heap.length || !before(child, i)) break
        swap(i, child)
        i = child
      }
      return first
    }
  }
}
