// What the sandbox's shop sells: 300 products of riding equipment and apparel, each with the true demand that the generator draws from.
import { addDays, startOf } from './calendar.ts'
import { diceOf, type Dice } from './random.ts'
import type { Product, Truth, Variant } from './records.ts'

type Season = 'even' | 'winter' | 'summer' | 'show' | 'gift'
/** How many units a buyer takes: one or two; a few; one; boxes for a riding school. */
type Buying = 'steady' | 'erratic' | 'single' | 'bulk'

interface Family {
  code: string
  type: string
  noun: string
  count: number
  sizes: string[]
  /** Euro, whole. */
  price: [number, number]
  /** Cost as a part of the price. */
  cost: [number, number]
  /** Units a day of the whole family, before extras. */
  rate: number
  season: Season
  buying: Buying
  elasticity: [number, number]
  returnRate: number
  colours: boolean
}

const family = (
  code: string, type: string, noun: string, count: number, sizes: string, price: [number, number], rate: number, season: Season, buying: Buying,
  rest: { cost?: [number, number], elasticity?: [number, number], returnRate?: number, colours?: boolean } = {}
): Family => ({
  code,
  type,
  noun,
  count,
  sizes: sizes.split(' '),
  price,
  rate,
  season,
  buying,
  cost: [0.38, 0.55],
  elasticity: [0.9, 1.8],
  returnRate: 0.03,
  colours: false,
  ...rest
})

const APPAREL = { elasticity: [1.4, 2.6] as [number, number], returnRate: 0.11, colours: true }
const CONSUMABLE = { elasticity: [0.5, 1.2] as [number, number], returnRate: 0.008, cost: [0.42, 0.6] as [number, number] }

const FAMILIES: Family[] = [
  family('PAD', 'Saddle Pads', 'Saddle Pad', 26, 'Dressage Jumping Pony', [49, 99], 2, 'even', 'single', { colours: true, returnRate: 0.05 }),
  family('BON', 'Fly Bonnets', 'Fly Bonnet', 16, 'Cob Full', [25, 49], 1, 'summer', 'single', { colours: true }),
  family('BRI', 'Bridles', 'Bridle', 18, 'Pony Cob Full', [119, 289], 0.6, 'even', 'single', { returnRate: 0.06 }),
  family('REI', 'Reins', 'Reins', 8, 'Cob Full', [49, 99], 0.4, 'even', 'single'),
  family('GIR', 'Girths', 'Girth', 10, '50 60 70 80', [69, 169], 0.5, 'even', 'single', { returnRate: 0.07 }),
  family('STI', 'Stirrups', 'Stirrups', 6, 'Adult Junior', [89, 249], 0.25, 'even', 'single'),
  family('SAD', 'Saddles', 'Saddle', 6, '17.0 17.5 18.0', [1490, 3290], 0.1, 'even', 'single', { returnRate: 0.08, cost: [0.5, 0.62] }),
  family('HAL', 'Halters', 'Halter', 16, 'Pony Cob Full', [19, 59], 1.5, 'even', 'bulk', { colours: true }),
  family('LEA', 'Lead Ropes', 'Lead Rope', 10, 'One', [9, 29], 1.2, 'even', 'bulk', { colours: true }),
  family('RUG', 'Winter Rugs', 'Stable Rug', 16, '125 135 145 155', [99, 229], 1.8, 'winter', 'single', { returnRate: 0.06 }),
  family('FLY', 'Fly Sheets', 'Fly Sheet', 9, '125 135 145 155', [59, 129], 0.8, 'summer', 'single', { returnRate: 0.05 }),
  family('TEN', 'Horse Boots', 'Tendon Boots', 10, 'S M L', [59, 149], 0.7, 'show', 'single'),
  family('BEL', 'Horse Boots', 'Bell Boots', 6, 'S M L', [15, 39], 0.9, 'even', 'bulk'),
  family('BRW', 'Breeches', 'Breeches Women', 18, '34 36 38 40 42', [89, 199], 1.9, 'even', 'single', { ...APPAREL, returnRate: 0.15 }),
  family('BRM', 'Breeches', 'Breeches Men', 7, '46 48 50 52 54', [89, 189], 0.4, 'even', 'single', { ...APPAREL, returnRate: 0.13 }),
  family('SHI', 'Show Shirts', 'Show Shirt', 10, 'S M L XL', [49, 109], 0.8, 'show', 'single', APPAREL),
  family('JAC', 'Jackets', 'Riding Jacket', 14, 'S M L XL', [119, 299], 1, 'winter', 'single', { ...APPAREL, returnRate: 0.13 }),
  family('BOO', 'Riding Boots', 'Riding Boots', 10, '37 38 39 40 41 42', [149, 449], 0.6, 'even', 'single', { ...APPAREL, returnRate: 0.16 }),
  family('GLO', 'Gloves', 'Riding Gloves', 10, '6.5 7 7.5 8', [25, 69], 1.5, 'winter', 'single', { ...APPAREL, returnRate: 0.06 }),
  family('HEL', 'Helmets', 'Riding Helmet', 9, 'S M L', [89, 399], 0.6, 'even', 'single', { returnRate: 0.09 }),
  family('SOC', 'Socks', 'Riding Socks', 7, '35-38 39-42', [12, 19], 1.8, 'gift', 'erratic', { ...APPAREL, returnRate: 0.02 }),
  family('BRU', 'Grooming', 'Brush', 12, 'One', [7, 29], 6, 'gift', 'steady'),
  family('HOO', 'Hoof Care', 'Hoof Oil', 8, 'One', [11, 26], 8, 'even', 'steady', CONSUMABLE),
  family('LEC', 'Leather Care', 'Leather Balm', 9, 'One', [12, 29], 5.5, 'even', 'steady', CONSUMABLE),
  family('SPR', 'Fly Sprays', 'Fly Spray', 5, '500ml 1l', [14, 34], 4, 'summer', 'steady', CONSUMABLE),
  family('SUP', 'Supplements', 'Supplement', 10, '1kg 3kg', [19, 89], 9, 'even', 'erratic', CONSUMABLE),
  family('TRE', 'Treats', 'Treats', 6, 'One', [5, 14], 9, 'gift', 'erratic', CONSUMABLE),
  family('STA', 'Stable Equipment', 'Hay Net', 8, 'One', [12, 59], 1, 'winter', 'bulk')
]

const MODELS = [
  'Piaffe', 'Levade', 'Passage', 'Courbette', 'Capriole', 'Alezan', 'Sable', 'Bellevue', 'Ascona', 'Pirouette', 'Volte', 'Cavaletti', 'Oxer', 'Galopp',
  'Palomino', 'Isabell', 'Fuchs', 'Rappe', 'Parcours', 'Derby', 'Lipica', 'Camargue', 'Trakehnen', 'Verden', 'Celle', 'Redefin'
]
const COLOURS = ['Navy', 'Black', 'Bordeaux', 'Forest', 'Anthracite', 'Cognac', 'White', 'Sapphire', 'Taupe', 'Emerald']
const LINES = ['Royal Equips Classic', 'Royal Equips Sport', 'Royal Equips Atelier', 'Royal Equips Stable']

/** What the generator knows about a variant and the shop's API does not tell. */
export interface Demand {
  product: Product
  variant: Variant
  truth: Truth['demand'][string]
  season: Season
  buying: Buying
  /** First moment at which it sells; milliseconds. */
  from: number
  /** It is not sold any more from here on. */
  until: number
  /** Reorder point as a part of what is needed over the lead time: below 1, it runs out. */
  caution: number
  openingStock: number
}

export interface PlannedPrice { product: Product, date: string, factor: number }

export interface Catalogue {
  products: Product[]
  demand: Demand[]
  prices: PlannedPrice[]
}

/** Prices that end as prices do. */
export const priced = (cents: number): number =>
  cents < 2000 ? Math.max(95, Math.round(cents / 50) * 50 - 5) : Math.max(1995, Math.round(cents / 100) * 100 - 5)

const sizeShares = (count: number): number[] => {
  const shares = Array.from({ length: count }, (_, i) => Math.exp(-(((i - (count - 1) / 2) / Math.max(1, count / 2.6)) ** 2)))
  const sum = shares.reduce((total, share) => total + share, 0)
  return shares.map((share) => share / sum)
}

/** Buyers a day above which a variant sells on three days out of four: the mean gap between days with sales is below 1.32. */
const OFTEN = 1.41

/** The usual classes of demand, by how often something sells and how much the quantities differ. */
const profileOf = (buying: Buying, rate: number): Truth['demand'][string]['profile'] => {
  const differs = buying === 'bulk' || buying === 'erratic'
  return rate > OFTEN ? differs ? 'erratic' : 'smooth' : differs ? 'lumpy' : 'intermittent'
}

/** `start` is the first day of the shop's books; the catalogue covers 19 months from there. */
export const makeCatalogue = (seed: number, start: string, truth: Truth): Catalogue => {
  const made: Catalogue = { products: [], demand: [], prices: [] }
  let productId = 8_100_000_000_001
  let variantId = 45_100_000_000_001
  let itemId = 47_100_000_000_001

  for (const family of FAMILIES) {
    for (let n = 0; n < family.count; n++) {
      const dice = diceOf(seed, 'product', family.code, n)
      const number = 101 + n
      const model = MODELS[(n * 7 + family.code.charCodeAt(0)) % MODELS.length] ?? 'Classic'
      const colour = family.colours ? `, ${COLOURS[(n + family.code.charCodeAt(1)) % COLOURS.length]}` : ''
      const title = `${model} ${family.noun}${colour}`
      // One in fourteen is new in the last months of the books, so that some are always young; a few were taken out, a few never published.
      const fate = dice.next()
      const launch = fate < 0.07 ? addDays(start, dice.between(430, 575)) : null
      const archived = fate > 0.985 ? addDays(start, dice.between(200, 480)) : null
      const draft = fate > 0.97 && fate <= 0.985
      const createdAt = launch === null ? startOf(addDays(start, -dice.between(30, 700))) + 36_000_000 : startOf(launch) + 36_000_000
      const product: Product = {
        kind: 'Product',
        id: productId++,
        handle: `${title.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}-${number}`,
        title,
        descriptionHtml: `<p>${title} of the ${family.type.toLowerCase()} range.</p>`,
        type: family.type,
        vendor: LINES[Math.floor(dice.next() * LINES.length)] ?? 'Royal Equips Classic',
        tags: [family.season === 'even' ? 'all-year' : family.season, family.code.toLowerCase()],
        status: draft ? 'DRAFT' : 'ACTIVE',
        createdAt,
        updatedAt: createdAt,
        publishedAt: draft ? null : createdAt,
        variants: []
      }
      made.products.push(product)

      // Zipf's law within the family; some hardly sell at all.
      const steepness = family.buying === 'steady' || family.buying === 'erratic' ? -1.1 : -0.85
      const rank = (n + 1) ** steepness
      const ranks = Array.from({ length: family.count }, (_, i) => (i + 1) ** steepness).reduce((sum, value) => sum + value, 0)
      const dead = dice.chance(0.06)
      const productRate = dead ? 0.006 : family.rate * rank / ranks * (launch === null ? 1 : 1.5)
      const [low, high] = family.price
      const basePrice = priced(100 * (low + (high - low) * dice.next() ** 1.4))
      const costShare = family.cost[0] + (family.cost[1] - family.cost[0]) * dice.next()
      const elasticity = Math.round(100 * (family.elasticity[0] + (family.elasticity[1] - family.elasticity[0]) * dice.next())) / 100
      const trend = Math.round(100 * (dice.normal() * 0.18)) / 100
      const leadTimeDays = dice.between(8, 40)
      const caution = dice.chance(0.22) ? 0.45 + 0.3 * dice.next() : 1 + 0.7 * dice.next()
      const unknownCost = dice.chance(0.03)
      const oversell = dice.chance(0.015)
      const shares = sizeShares(family.sizes.length)

      family.sizes.forEach((size, i) => {
        const price = size === '3kg' ? priced(basePrice * 2.6) : size === '1l' ? priced(basePrice * 1.7) : basePrice
        const rate = productRate * (shares[i] ?? 0)
        const sku = `RE-${family.code}-${number}${family.sizes.length > 1 ? `-${size.toUpperCase().replace('.', '')}` : ''}`
        const variant: Variant = {
          kind: 'ProductVariant',
          id: variantId++,
          product,
          title: family.sizes.length > 1 ? size : 'Default Title',
          sku,
          price,
          compareAt: null,
          createdAt,
          updatedAt: createdAt,
          oversell,
          item: { kind: 'InventoryItem', id: itemId++, variant: undefined as unknown as Variant, tracked: true, cost: null, levels: [] }
        }
        variant.item.variant = variant
        variant.item.cost = unknownCost ? null : Math.round(price * costShare)
        product.variants.push(variant)
        const demandTruth: Truth['demand'][string] = {
          profile: profileOf(family.buying, rate),
          rate: Math.round(rate * 1e4) / 1e4,
          elasticity,
          units: UNITS[family.buying],
          referencePrice: price,
          season: family.season,
          trend,
          launched: launch,
          leadTimeDays,
          stockOutDays: [],
          lostUnits: 0,
          returnRate: family.returnRate
        }
        truth.demand[sku] = demandTruth
        made.demand.push({
          product,
          variant,
          truth: demandTruth,
          season: family.season,
          buying: family.buying,
          from: draft ? Infinity : createdAt,
          until: archived === null ? Infinity : startOf(archived) + 36_000_000,
          caution,
          openingStock: stockFor(dice, rate, leadTimeDays, family.buying, dead)
        })
      })

      if (launch === null && !draft && dice.chance(0.3)) {
        const changes = dice.between(2, 4)
        for (let i = 0; i < changes; i++) {
          const day = Math.floor(60 + (480 / changes) * (i + 0.15 + 0.7 * dice.next()))
          made.prices.push({ product, date: addDays(start, day), factor: dice.pick([0.82, 0.87, 0.9, 0.94, 1, 1.06, 1.1]) })
        }
      }
    }
  }
  plantAffinities(seed, made.products, truth)
  return made
}

/** Mean units of a buyer: what `quantityOf` draws. */
const UNITS: Record<Buying, number> = { single: 1.03, steady: 1.23, erratic: 2.34, bulk: 4.2 }

const stockFor = (dice: Dice, rate: number, leadTimeDays: number, buying: Buying, dead: boolean): number => {
  if (dead) return dice.between(25, 70)
  return Math.ceil(rate * UNITS[buying] * (leadTimeDays + 50) * (0.8 + 0.6 * dice.next())) + dice.between(3, 6)
}

// Who buys the first is offered the second, and takes it with a chance of its own.
const PAIRS: Array<[from: string, to: string, chance: [number, number]]> = [
  ['Saddle Pads', 'Fly Bonnets', [0.12, 0.3]], ['Bridles', 'Leather Care', [0.15, 0.3]], ['Saddles', 'Girths', [0.3, 0.5]],
  ['Saddles', 'Stirrups', [0.25, 0.4]],
  ['Halters', 'Lead Ropes', [0.2, 0.45]], ['Riding Boots', 'Leather Care', [0.15, 0.3]], ['Helmets', 'Gloves', [0.1, 0.22]],
  ['Hoof Care', 'Grooming', [0.08, 0.2]],
  ['Breeches', 'Socks', [0.1, 0.25]], ['Fly Sheets', 'Fly Sprays', [0.15, 0.3]], ['Supplements', 'Treats', [0.1, 0.25]],
  ['Winter Rugs', 'Stable Equipment', [0.06, 0.15]]
]

const plantAffinities = (seed: number, products: Product[], truth: Truth): void => {
  for (const [from, to, [low, high]] of PAIRS) {
    const dice = diceOf(seed, 'affinity', from, to)
    const targets = products.filter((product) => product.type === to && product.status === 'ACTIVE')
    for (const product of products.filter((each) => each.type === from && each.status === 'ACTIVE').slice(0, 8)) {
      truth.affinities.push({ from: product.handle, to: dice.pick(targets).handle, chance: Math.round(100 * (low + (high - low) * dice.next())) / 100 })
    }
  }
}
