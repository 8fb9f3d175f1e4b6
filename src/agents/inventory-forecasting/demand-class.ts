// Sorts demand by how often it comes and how much its sizes differ: smooth, erratic, intermittent, lumpy.

export const DEMAND_CLASSES = ['smooth', 'erratic', 'intermittent', 'lumpy'] as const
export type DemandClass = typeof DEMAND_CLASSES[number]

/** The cut-offs of Syntetos, Boylan and Croston (2005). A value equal to its cut-off belongs to the harder class. */
export const ADI_CUT_OFF = 1.32
export const CV2_CUT_OFF = 0.49

export interface DemandShape {
  /** Mean distance between days with demand, in observed days. */
  adi: number
  /** Squared coefficient of variation of the sizes of those days. */
  cv2: number
  /** Days that were observed: stock-outs are none. */
  observed: number
  /** Days with demand. */
  demands: number
}

export const classOf = ({ adi, cv2 }: Pick<DemandShape, 'adi' | 'cv2'>): DemandClass => {
  if (adi < ADI_CUT_OFF) return cv2 < CV2_CUT_OFF ? 'smooth' : 'erratic'
  return cv2 < CV2_CUT_OFF ? 'intermittent' : 'lumpy'
}

/** `adi` is infinite without any demand. */
export const shapeOf = (values: Float64Array, censored: Uint8Array): DemandShape => {
  let observed = 0
  let demands = 0
  let sum = 0
  let squares = 0
  for (let day = 0; day < values.length; day++) {
    const value = values[day]!
    // A day without stock tells nothing about what was wanted, but what was sold on it was wanted.
    if (censored[day] === 1 && value === 0) continue
    observed += 1
    if (value <= 0) continue
    demands += 1
    sum += value
    squares += value * value
  }
  const mean = sum / demands
  const variance = demands < 2 ? 0 : Math.max(0, (squares - demands * mean * mean) / (demands - 1))
  return { adi: demands === 0 ? Infinity : observed / demands, cv2: demands === 0 ? 0 : variance / (mean * mean), observed, demands }
}
