// The names of the candidates, simple ones first: a name's place is its code in results. Apart from the models, which only the thread has to load.

export const MODEL_NAMES = [
  'seasonal_naive', 'ses', 'croston_sba', 'tsb', 'recent_short', 'recent_medium', 'recent_long', 'group_share', 'year_short', 'year_medium', 'holt',
  'damped_trend', 'seasonal', 'seasonal_trend', 'seasonal_damped'
] as const
export type ModelName = typeof MODEL_NAMES[number]
