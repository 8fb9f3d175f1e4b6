// How long the short lists are that come with an order.

/** Refunds and fulfilments: a list that is as long as this may go on. */
export const LIST_LIMIT = 3
