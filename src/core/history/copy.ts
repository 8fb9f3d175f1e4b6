// The shop's history as agents read it: a copy of its orders in the store, refreshed by what changed, with the stock of each day and the variants.
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { CommerceReader, Lane, Variant } from '../commerce.ts'
import { createKept } from '../kept.ts'
import type { Logger } from '../log.ts'
import type { HistoryState, ShopHistory, SoldOrder } from '../shop-history.ts'
import type { HistoryStore, StockOfDay, StoredHistory, StoredOrder } from '../store-history.ts'
import type { Source } from '../upstream.ts'
import { readHistory } from './reading.ts'

export interface HistoryCopyOptions {
  commerce: CommerceReader
  store: HistoryStore
  clock: Pick<Clock, 'now' | 'monotonic'>
  log: Logger
  /** Who goes before it when the query budget of the shop is short. Default: everybody. */
  lane?: Lane
}

type Progress = (fraction: number, note: string) => void
type ReadVariants = { variants: Variant[], read_at: number, source: Source }

const PAGE = 500
const STOCK_PAGE = 5_000
/** Rows of one commit. */
const STOCK_AT_ONCE = 1_000
/** So few are read page by page: a bulk operation takes seconds to begin. */
const FEW_VARIANTS = 200
/** Joins what is under way, and nothing else. */
const ONLY_RUNNING = -1

export class HistoryCopy implements ShopHistory {
  readonly #commerce: CommerceReader
  readonly #options: HistoryCopyOptions
  readonly #shared: ReturnType<typeof createKept>
  readonly #listeners = new Set<Progress>()
  #variants: ReadVariants | undefined

  constructor (options: HistoryCopyOptions) {
    this.#options = options
    this.#commerce = options.commerce.inLane(options.lane ?? 'research')
    this.#shared = createKept(options.clock)
  }

  async refresh ({ signal, progress }: Parameters<ShopHistory['refresh']>[0]): Promise<HistoryState> {
    if (progress !== undefined) this.#listeners.add(progress)
    try {
      return await this.#shared.get('orders', ONLY_RUNNING, signal, async (own) => present(await this.#read(own)))
    } finally {
      if (progress !== undefined) this.#listeners.delete(progress)
    }
  }

  async state (): Promise<HistoryState | undefined> {
    const state = await this.#whole()
    return state === undefined ? undefined : present(state)
  }

  async * orders ({ from = 0, before = Number.MAX_SAFE_INTEGER, signal }: Parameters<ShopHistory['orders']>[0]): AsyncGenerator<SoldOrder> {
    const state = await this.#whole()
    // A copy that is not whole would look like a shop that sold less.
    if (state === undefined) throw new Error('The history of this shop has not been read yet: it has to be refreshed first.')
    let after: Pick<StoredOrder, 'id' | 'created_at'> | null = null
    for (;;) {
      signal.throwIfAborted()
      const page: Awaited<ReturnType<HistoryStore['historyPage']>> = await this.#options.store.historyPage({ from, before, after, limit: PAGE })
      if (page.shop !== state.shop) throw new Error('The history was replaced by that of another shop while it was read.')
      for (const { body } of page.orders) yield JSON.parse(body) as SoldOrder
      if (page.orders.length < PAGE) return
      after = page.orders[page.orders.length - 1]!
      await turn()
    }
  }

  async variants ({ signal, max_age_ms: maxAge }: Parameters<ShopHistory['variants']>[0]): Promise<ReadVariants> {
    signal.throwIfAborted()
    const known = this.#variants
    if (known !== undefined && this.#options.clock.now() - known.read_at <= maxAge) return known
    return await this.#shared.get('variants', ONLY_RUNNING, signal, async (own) => {
      const readAt = this.#options.clock.now()
      const bulk = known === undefined || known.variants.length > FEW_VARIANTS
      const variants = new Map<string, Variant>()
      // One that changes meanwhile may come again.
      for await (const variant of this.#commerce.variants({}, { signal: own, bulk })) variants.set(variant.id, variant)
      this.#variants = { variants: [...variants.values()], read_at: readAt, source: this.#commerce.source }
      return this.#variants
    })
  }

  async recordStock (day: string, stock: Array<{ variant_id: string, available: number }>): Promise<void> {
    for (let at = 0; at < stock.length; at += STOCK_AT_ONCE) {
      await this.#options.store.saveStock({ stock: stock.slice(at, at + STOCK_AT_ONCE).map((own) => ({ day, ...own })) })
    }
  }

  async stockDays ({ from }: { from: string }): ReturnType<ShopHistory['stockDays']> {
    const days: Awaited<ReturnType<ShopHistory['stockDays']>> = new Map()
    let after: StockOfDay | null = null
    for (;;) {
      const page: StockOfDay[] = await this.#options.store.stockPage({ from, after, limit: STOCK_PAGE })
      for (const { variant_id: id, day, available } of page) {
        const own = days.get(id)
        if (own === undefined) days.set(id, [{ day, available }])
        else own.push({ day, available })
      }
      if (page.length < STOCK_PAGE) return days
      after = page[page.length - 1]!
      await turn()
    }
  }

  #read (signal: AbortSignal): Promise<Whole> {
    const { store, clock, log } = this.#options
    return readHistory({
      commerce: this.#commerce,
      store,
      clock,
      log,
      signal,
      tell: (fraction, note) => { for (const listener of this.#listeners) listener(fraction, note) },
      onOtherShop: () => { this.#variants = undefined }
    })
  }

  /** Undefined as well when it is the copy of a sandbox and the shop is a live one by now, or the other way round. */
  async #whole (): Promise<Whole | undefined> {
    const state = await this.#options.store.historyState()
    return state !== undefined && state.source === this.#commerce.source && isWhole(state) ? state : undefined
  }
}

/** A copy of which at least one reading has come to its end. */
export type Whole = StoredHistory & { as_of: number, covers_from: number }

const isWhole = (state: StoredHistory): state is Whole => state.as_of !== null && state.covers_from !== null

const present = ({ source, as_of: asOf, covers_from: coversFrom, orders, changed }: Whole): HistoryState =>
  ({ source, as_of: asOf, covers_from: coversFrom, orders, changed })
