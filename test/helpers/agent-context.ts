// What a run of an agent gets, made by hand: a fixed clock, a history and lists in memory, and a record of what it proposed.
import type { AgentContext } from '../../src/core/agent.ts'
import { priceFloor, type FloorTerms } from '../../src/core/effects/price-floor.ts'
import type { ProposalDraft } from '../../src/core/effects/proposal.ts'
import { faultOf } from '../../src/core/check.ts'
import { EFFECT_ITEMS } from '../../src/core/effects/items.ts'
import { silentLogger } from '../../src/core/log.ts'
import type { AgentPorts } from '../../src/core/ports.ts'
import type { Variant } from '../../src/core/commerce.ts'
import type { Feed, FeedName, ShopHistory, SoldOrder } from '../../src/core/shop-history.ts'

export const NOW = Date.parse('2026-11-24T18:00:00Z')

const TERMS: FloorTerms = { shipping_per_unit: '0', fees_per_unit: '0', vat: '0', minimum_margin: '0.1' }

export interface ContextParts {
  now?: number
  ports?: Partial<AgentPorts>
  orders?: SoldOrder[]
  /** Default: that of the oldest order. */
  coversFrom?: number
  variants?: Variant[]
  stock?: Map<string, Array<{ day: string, available: number }>>
  feeds?: Partial<Record<FeedName, Feed>>
  terms?: Partial<FloorTerms>
  enrolled?: (variant: { sku: string | null }) => boolean
  signal?: AbortSignal
}

export const contextOf = (parts: ContextParts = {}): { context: AgentContext, proposed: ProposalDraft[], notes: string[] } => {
  const now = parts.now ?? NOW
  const proposed: ProposalDraft[] = []
  const notes: string[] = []
  const orders = [...parts.orders ?? []].sort((a, b) => a.created_at - b.created_at)
  const stock = parts.stock ?? new Map<string, Array<{ day: string, available: number }>>()
  const state = { source: 'sandbox' as const, as_of: now, covers_from: parts.coversFrom ?? orders[0]?.created_at ?? now, orders: orders.length, changed: 0 }
  const history: ShopHistory = {
    refresh: async () => state,
    state: async () => state,
    async * orders ({ from = 0, before = Infinity }) { yield * orders.filter(({ created_at: at }) => at >= from && at < before) },
    variants: async () => ({ variants: parts.variants ?? [], read_at: now, source: 'sandbox' }),
    async recordStock (day, levels) {
      for (const { variant_id: id, available } of levels) {
        const days = (stock.get(id) ?? []).filter((known) => known.day !== day)
        stock.set(id, [...days, { day, available }].sort((a, b) => a.day < b.day ? -1 : 1))
      }
    },
    stockDays: async ({ from }) => new Map([...stock].map(([id, days]) => [id, days.filter(({ day }) => day >= from)]))
  }
  const terms = { ...TERMS, ...parts.terms }
  const context: AgentContext = {
    job: { id: '019abc12-0000-7000-8000-000000000009', attempt: 1, source: 'test' },
    signal: parts.signal ?? new AbortController().signal,
    log: silentLogger,
    clock: {
      now: () => now,
      monotonic: () => now,
      setTimeout: (fn, ms) => setTimeout(fn, ms),
      clearTimeout: (handle) => { clearTimeout(handle as NodeJS.Timeout) }
    },
    ports: { system: () => Promise.reject(new Error('this test has no system')), ...parts.ports },
    history,
    feeds: { get: async (name) => parts.feeds?.[name] },
    priceLimits: async () => ({
      floor: (cost) => priceFloor(cost, terms),
      max_change_day: 0.1,
      max_change_30_days: 0.2,
      cooldown_ms: 6 * 3_600_000,
      enrolled: parts.enrolled ?? (() => true),
      vat: Number(terms.vat),
      shipping_per_unit: terms.shipping_per_unit,
      fees_per_unit: terms.fees_per_unit
    }),
    async propose (drafts) {
      for (const draft of drafts) {
        for (const item of draft.items) {
          const fault = await faultOf(EFFECT_ITEMS[draft.class], item)
          if (fault !== undefined) throw new Error(`${draft.key}: ${fault}`)
        }
      }
      proposed.push(...drafts)
      return drafts.map(({ key }) => ({ id: `proposal of ${key}`, outcome: 'filed' as const, reasons: [] }))
    },
    progress: (_fraction, note) => { notes.push(note) }
  }
  return { context, proposed, notes }
}
