// Whether something was planned or made on the shop that is behind the port now: settings change, and the sandbox begins anew with another seed.
import type { ShopAccess } from './kinds/index.ts'
import type { Source } from '../upstream.ts'

interface Made { source: Source, shop: string }

export const isSameShop = ({ source, shop }: Made, access: Pick<ShopAccess, 'commerce' | 'shop'>): boolean =>
  source === access.commerce.source && shop === access.shop.id

/** Ends a sentence that begins with "made on". */
export const whichShop = ({ source, shop }: Made, access: Pick<ShopAccess, 'commerce' | 'shop'>): string => source === access.commerce.source
  ? `another shop (${shop}), and this is ${access.shop.id}`
  : `the ${source} shop, and this is the ${access.commerce.source} one`
