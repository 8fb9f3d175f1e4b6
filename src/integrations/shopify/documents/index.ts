// Every question and change that is ever sent to Shopify, by the name of its operation. Nothing else is sent.
import { bulkDocuments } from './bulk.ts'
import { catalogueDocuments } from './catalogue.ts'
import { customerDocuments } from './customers.ts'
import { effectDocuments } from './effects.ts'
import { orderHistoryDocuments } from './order-history.ts'
import { orderSalesDocuments } from './order-sales.ts'
import { orderDocuments } from './orders.ts'
import { shopDocuments } from './shop.ts'

/** The names are those of the operations: a test compares them, and validates each text against the schema. */
export const documents = {
  ...shopDocuments,
  ...orderDocuments,
  ...orderSalesDocuments,
  ...orderHistoryDocuments,
  ...catalogueDocuments,
  ...customerDocuments,
  ...effectDocuments,
  ...bulkDocuments
} as const

export type OperationName = keyof typeof documents

/** Sent as the text of a bulk operation, which takes no variables: never by themselves. */
export const BULK_DOCUMENTS = [
  'BulkOrders', 'BulkOrderSales', 'BulkOrderGoods', 'BulkOrderStates', 'BulkOrderHistory', 'BulkVariants', 'BulkCustomers'
] as const satisfies OperationName[]
