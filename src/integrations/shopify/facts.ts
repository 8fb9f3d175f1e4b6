// What is known of our operations before they are sent: made from the schema by docs/tools/shopify-types.ts.
import type { OperationName } from './documents/index.ts'
import facts from './schema/shapes-2026-10.json' with { type: 'json' }
import type { OperationFacts } from './shape.ts'

// TypeScript takes the marks in the file for any text.
export const FACTS = facts as unknown as Record<OperationName, OperationFacts>
