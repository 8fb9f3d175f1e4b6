// How far agents may go.

/**
 * How far an agent may go by itself: `observe` only records what it would have done; `suggest` files proposals, and a person approves each;
 * `act_with_approval` does by itself what the policy calls `auto`, unless money moves; `autonomous` does all that the policy calls `auto`.
 */
export const AUTONOMY = ['observe', 'suggest', 'act_with_approval', 'autonomous'] as const
export type Autonomy = typeof AUTONOMY[number]
