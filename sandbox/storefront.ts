// The generated shop behind its Shopify API, with what the control API may see and do of it.
import { Type, type Static } from '@sinclair/typebox'
import { faultOf } from '../src/core/check.ts'
import { dayOf } from './shop/calendar.ts'
import { generateShop } from './shop/generate.ts'
import { ledgerOf, type Ledger } from './shop/ledger.ts'
import type { Truth } from './shop/records.ts'
import { reportOf, type DayReport } from './shop/trade.ts'
import { ALL_SCOPES, createShopifySandbox } from './shopify/index.ts'
import { CREDENTIALS, type Handler } from './upstreams.ts'

export interface Storefront {
  /** Makes the shop. */
  prepare (): void
  handle: Handler
  /** The shop's own books. @throws Error for days that are none. */
  ledger (range: { from?: string, to?: string }): Ledger
  /** What questions about today have to be answered with. */
  report (): DayReport
  truth (): Truth
  /** @throws Error that says what is wrong with the change. */
  change (value: unknown): Promise<object>
  close (): void
}

const Change = Type.Object({
  /** True: no more orders arrive, so that figures can be compared. False: time goes on, and what was missed arrives. */
  frozen: Type.Optional(Type.Boolean()),
  /** Access scopes that are granted from now on. */
  scopes: Type.Optional(Type.Array(Type.String({ pattern: '^[a-z_]+$' }))),
  /** Sets what is left in the bucket of query points. */
  points: Type.Optional(Type.Integer({ minimum: 0 })),
  /** Ends all exchanged tokens. */
  revoke_tokens: Type.Optional(Type.Literal(true))
}, { additionalProperties: false })

/** The shop is made with the first question to it, or by `prepare`: that takes a second or two, and nobody else has to wait for it. */
export const createStorefront = ({ seed, now }: { seed: number, now: () => number }): Storefront => {
  let opened: ReturnType<typeof openShop> | undefined
  const open = (): ReturnType<typeof openShop> => {
    opened ??= openShop(seed, now)
    return opened
  }
  let frozen = false
  let scopes = ALL_SCOPES

  return {
    prepare () { open() },
    handle: (request, response) => open().api.handle(request, response),
    ledger (range) {
      const { shop } = open()
      shop.advance(now())
      return ledgerOf(shop, range)
    },
    report () {
      const { shop } = open()
      shop.advance(now())
      return reportOf(shop)
    },
    truth: () => open().shop.truth,
    async change (value) {
      const fault = await faultOf(Change, value)
      if (fault !== undefined) throw new Error(fault)
      const change = value as Static<typeof Change>
      const { shop, api, freeze } = open()
      if (change.frozen === true) shop.advance(now())
      frozen = change.frozen ?? frozen
      freeze(frozen)
      if (change.scopes !== undefined) api.setScopes(scopes = change.scopes)
      if (change.points !== undefined) api.setPoints(change.points)
      if (change.revoke_tokens === true) api.revokeTokens()
      return { frozen, scopes, as_of: new Date(shop.now).toISOString() }
    },
    close () { opened?.api.close() }
  }
}

const openShop = (seed: number, now: () => number) => {
  const shop = generateShop({ seed, today: dayOf(now()) })
  shop.advance(now())
  let frozen = false
  const advance = shop.advance.bind(shop)
  shop.advance = (to) => { if (!frozen) advance(to) }
  const { access_token: token, client_id: id, client_secret: secret } = CREDENTIALS.shopify_api
  const api = createShopifySandbox({ shop, now, tokens: [token], clients: [{ id, secret }] })
  return { shop, api, freeze (value: boolean) { frozen = value } }
}
