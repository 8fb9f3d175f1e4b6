// The candidates by name.
import { crostonSba, tsb } from './intermittent.ts'
import type { Model } from './model.ts'
import type { ModelName } from './names.ts'
import { groupShare, recentLong, recentMedium, recentShort, yearMedium, yearShort } from './recent-mean.ts'
import { seasonalNaive } from './seasonal-naive.ts'
import { dampedTrend, holt, seasonal, seasonalDamped, seasonalTrend, ses } from './smoothing.ts'

export const MODELS: Record<ModelName, Model> = {
  seasonal_naive: seasonalNaive,
  ses,
  croston_sba: crostonSba,
  tsb,
  recent_short: recentShort,
  recent_medium: recentMedium,
  recent_long: recentLong,
  group_share: groupShare,
  year_short: yearShort,
  year_medium: yearMedium,
  holt,
  damped_trend: dampedTrend,
  seasonal,
  seasonal_trend: seasonalTrend,
  seasonal_damped: seasonalDamped
}
