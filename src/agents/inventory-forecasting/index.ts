// Forecasts the demand of every variant once a day, and proposes what to order from whom before it runs out.
import { defineAgent, PermanentError, type AgentContext } from '../../core/agent.ts'
import { count, figure } from '../wording.ts'
import { assess, classSummaries } from './assess.ts'
import { byCurrency, deadStock } from './dead-stock.ts'
import { forecastInThread } from './forecast-thread.ts'
import { observe } from './observe.ts'
import { createPace } from './pace.ts'
import { purchaseProposals } from './proposals.ts'
import { reorderCsv } from './reorder-csv.ts'
import { ForecastInputSchema, ForecastOutputSchema, withDefaults, type ForecastInput, type ForecastOutput } from './schemas.ts'

const TEN_MINUTES = 600_000

export const inventoryForecasting = defineAgent({
  name: 'inventory_forecasting',
  description: 'Forecasts the demand of every variant from its orders, and proposes purchase orders before the stock runs out.',
  input: ForecastInputSchema,
  output: ForecastOutputSchema,
  triggers: { schedule: { cron: '15 5 * * *', timezone: 'UTC' } },
  timeoutMs: TEN_MINUTES,

  async run (context: AgentContext, given: ForecastInput): Promise<ForecastOutput> {
    const { history, ports: { commerce }, clock, signal, progress } = context
    if (history === undefined || commerce === undefined) {
      throw new PermanentError('shop_not_configured', 'There is no shop to forecast for: neither Shopify nor its sandbox is configured.')
    }
    const input = withDefaults(given)
    const pace = createPace(clock, signal)
    const observed = await observe({ ...context, history, commerce }, input, pace)
    const { candidates, stockRows, today, facts } = observed

    const begun = clock.monotonic()
    progress(0.5, `Forecasting ${count(candidates.length, 'variant')} from ${count(facts.history.days, 'day')}.`)
    // Its arrays belong to the thread from here on.
    const { task } = observed
    const { horizon } = task
    const result = await forecastInThread(task, {
      signal,
      progress: (fraction) => { progress(0.5 + fraction * 0.45, `${figure(Math.floor(fraction * 100))} % of the forecasts are made.`) }
    })
    const computingMs = Math.round(clock.monotonic() - begun)

    const { lines, forecast, left_out: leftOut, ...stock } = await assess(candidates, result, { horizon, today, coverDays: input.order_cover_days }, pace)
    signal.throwIfAborted()
    const drafts = purchaseProposals(lines, {
      as_of: facts.as_of,
      source: facts.source,
      service_level: input.service_level,
      order_cover_days: input.order_cover_days,
      currency: observed.currency
    })
    const filed = await context.propose(drafts.slice(0, input.max_proposals))
    const outcomes = (outcome: string): number => filed.filter((one) => one.outcome === outcome).length
    const shown = lines.slice(0, input.max_lines)
    return {
      ...facts,
      input,
      variants: { total: facts.variants.total, forecast, left_out: { ...facts.variants.left_out, ...leftOut } },
      classes: classSummaries(result),
      totals: {
        lines: lines.length,
        units: lines.reduce((sum, { quantity }) => sum + quantity, 0),
        value: byCurrency(lines.map(({ value }) => value)),
        lines_without_cost: lines.filter(({ value }) => value === null).length,
        ...stock
      },
      reorder: { total: lines.length, shown: shown.length, lines: shown },
      dead_stock: deadStock(stockRows, input.dead_stock_days, facts.history.days),
      proposals: {
        filed: outcomes('filed'),
        unchanged: outcomes('unchanged'),
        shadow: outcomes('shadow'),
        blocked: outcomes('blocked'),
        left_out: Math.max(0, drafts.length - input.max_proposals)
      },
      computing_ms: computingMs
    }
  },

  csv: ({ reorder }: ForecastOutput): string => reorderCsv(reorder.lines),

  summarise ({ history, variants, totals, dead_stock: dead, reorder, source }: ForecastOutput): string {
    const origin = source === 'sandbox' ? ' (sandbox)' : ''
    if (variants.forecast === 0) {
      return `No forecast${origin}: ${history.state === 'enough' ? 'nothing was sold often enough' : 'the history of orders is too short'}.`
    }
    const value = totals.value.map(({ amount, currency }) => `${amount} ${currency}`).join(' + ')
    const unknown = totals.lines_without_cost > 0 ? `, ${count(totals.lines_without_cost, 'line')} of unknown cost` : ''
    const order = reorder.total === 0
      ? 'nothing to order'
      : `${count(reorder.total, 'variant')} to order, ${count(totals.units, 'unit')}${value === '' ? '' : ` for ${value}`}${unknown}`
    const lying = dead.state === 'known' ? `${count(dead.total, 'variant')} of dead stock` : 'dead stock unknown'
    return `Forecast of ${count(variants.forecast, 'variant')} from ${count(history.days, 'day')}${origin}: ${order}; ` +
      `${figure(totals.out_of_stock)} out of stock, ${figure(totals.runs_out_within_lead_time)} run out within their lead time; ${lying}.`
  }
})
