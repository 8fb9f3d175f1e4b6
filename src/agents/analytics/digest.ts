// The closed day in a few plain sentences.
import { count, figure, listed } from '../wording.ts'
import type { AnalyticsOutput } from './schemas.ts'

const NAMES: Record<string, string> = {
  orders: 'orders',
  units: 'units',
  gross: 'gross sales',
  net: 'net sales',
  average_order: 'the average order',
  discounts: 'discounts',
  returns: 'returns',
  new_customers: 'new customers',
  returning_customers: 'returning customers',
  sent_median_hours: 'hours from order to parcel'
}
const NAMED_ANOMALIES = 3

export const digestOf = (output: AnalyticsOutput): string => {
  const { day, currency, stock, warehouse, days } = output
  const sentences: string[] = []
  if (day === null) {
    sentences.push(`There is nothing to close: orders are known from ${output.covers_from} to ${output.as_of}, and the day is not among them.`)
  } else {
    sentences.push(
      `${day.day}: ${count(day.orders, 'order')}, net ${day.net} ${currency} (gross ${day.gross} - discounts ${day.discounts} - returns ${day.returns})` +
      `${comparisonOf(output)}; ${marginOf(output)}.`
    )
    sentences.push(`${anomalySentence(output)} ${count(stock.out, 'variant')} of ${figure(stock.variants)} out of stock now.`)
  }
  if (days.latest.length > 0) sentences.push(`${count(days.total, 'day')} of the range closed.`)
  if (warehouse.state === 'failed') sentences.push(`The rows were NOT written to the warehouse: ${warehouse.error?.message ?? 'it failed'}`)
  if (warehouse.state === 'written') sentences.push(`${count(warehouse.rows, 'row')} written to ${warehouse.table}.`)
  return sentences.join(' ')
}

const comparisonOf = ({ compared }: AnalyticsOutput): string => {
  if (compared === null) return ', nothing known of the same weekday before'
  const { net_percent: percent, day } = compared
  if (percent === null) return `, against ${day.net} on ${day.day}`
  return `, ${figure(Math.abs(percent))} % ${percent < 0 ? 'less' : 'more'} than ${day.net} on ${day.day}`
}

const marginOf = ({ day, currency }: AnalyticsOutput): string => {
  const { state, amount, percent, coverage } = day!.margin
  if (state === 'none') return 'no margin without sales'
  if (state === 'unknown' || amount === null) return 'margin unknown, as no unit cost is known'
  const text = `margin ${amount} ${currency}${percent === null ? '' : ` (${figure(percent)} %)`} without tax`
  if (state === 'complete') return text
  return `${text} on the ${coverage === null ? 'part' : `${figure(coverage * 100)} %`} of sales whose cost is known`
}

const anomalySentence = ({ anomalies: { state, found } }: AnalyticsOutput): string => {
  if (state === 'too_little_history') return 'Too little history to tell what is unusual.'
  if (found.length === 0) return 'Nothing unusual for such a weekday.'
  const first = found.slice(0, NAMED_ANOMALIES).map(({ metric, value, median }) => `${NAMES[metric]} ${figure(value)} against a usual ${figure(median)}`)
  const more = found.length - first.length
  return `Unusual for such a weekday: ${listed(first)}${more > 0 ? `, and ${more} more` : ''}.`
}
