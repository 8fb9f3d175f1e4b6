// What Shopify asks for a page: not so much for each object, but for the size of the page by its logarithm.

/**
 * By how much the cost of one object is multiplied in a page of this size. How Shopify sizes connections is not published; its answers grow with twice
 * the natural logarithm (250 variants with an object each: 24 points). Rounded up, so that a first estimate errs on the high side: what the shop
 * answers replaces it.
 */
export const pageWeight = (size: number): number => size <= 1 ? size : Math.ceil(2 * Math.log(size))
