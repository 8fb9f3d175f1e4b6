// The style of the house: neostandard (no semicolons, two spaces), and no line over 160 characters.
import neostandard from 'neostandard'

export default [
  ...neostandard({
    ts: true,
    noJsx: true,
    ignores: ['dist/**', '.tap/**', 'data/**']
  }),
  {
    name: 'royal-equips/line-length',
    files: ['**/*.{js,ts}'],
    rules: {
      '@stylistic/max-len': ['error', { code: 160 }]
    }
  }
]
