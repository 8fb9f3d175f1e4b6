// Which language a message is written in, by the small words that every sentence needs.

export const REPLY_LANGUAGES = ['en', 'de', 'fr', 'nl'] as const
export type ReplyLanguage = typeof REPLY_LANGUAGES[number]
/** `other`: one that there are no answers in; `unknown`: too few words to tell. */
export type Language = ReplyLanguage | 'other' | 'unknown'

export interface LanguageGuess {
  language: Language
  /** From 0 to 1: how far it is ahead of the next one. */
  confidence: number
}

// Words that two of them share count for both and decide nothing. The last ones are there so that their texts are not taken for one of the first four.
const SMALL_WORDS: Record<string, string> = {
  en: 'the and is are was were have has had not you your i my me we it this that with for from of to in on at can could would will please hello hi how ' +
    'what when where why which do does did but if or a an be been there they about any no yes thanks thank dear still just get got am as by need want',
  de: 'der die das den dem des ein eine einen einem einer und ist sind war waren habe hat haben hatte nicht ich mich mir mein meine meinen meiner sie ' +
    'ihr ihre ihnen wir uns es er dieses diese dieser mit fur von zu zum zur im in am an auf bei bitte hallo guten tag wie was wann wo warum welche ' +
    'aber wenn oder kein keine noch schon auch nur kann konnen wird werden wurde mochte danke sehr geehrte nach aus als dass seit bis ja nein gern muss',
  fr: 'le la les l un une des du de d et est sont etait ai as a avez ont avait pas ne n je j me m mon ma mes vous votre vos nous notre il elle ce cet ' +
    'cette ces c avec pour par en dans sur au aux bonjour merci comment que qu qui quoi quand ou pourquoi quel quelle mais si oui non toujours encore ' +
    'peut pouvez puis voudrais souhaite suis plus tres depuis chez sans etre fait cordialement bonsoir madame monsieur veuillez serait',
  nl: 'de het een en is zijn was waren heb heeft hebben had niet ik mij me mijn u uw jullie wij we ons ze zij er dit deze dat die met voor van naar te in ' +
    'op aan bij hallo hoi goedemiddag goedendag hoe wat wanneer waar waarom welke maar als of geen nog al ook kan kunnen wordt worden werd graag bedankt ' +
    'dank alvast groeten zou wil wel moet door om uit over sinds ja nee beste gekregen ontvangen',
  es: 'el los las una y es son esta estaba he ha no yo mi mis usted su nosotros este con para por en hola gracias como que cuando donde pero si buenos dias ' +
    'quiero puede muy del al todavia pedido',
  it: 'il lo gli una e sono era ho ha hanno non io mio mia lei suo noi questo con per di da in buongiorno ciao grazie come che quando dove ma se vorrei ' +
    'puo molto del della ancora ordine',
  pt: 'o os as um uma e sao estava tenho tem nao eu meu minha voce seu nos este com para por em ola obrigado como que quando onde mas se bom dia quero ' +
    'pode muito ainda encomenda',
  da: 'og er ikke jeg mig min mit du din vi det den dette med til fra paa hej tak hvordan hvad hvornar hvor hvorfor men hvis eller ikke har havde kan vil ' +
    'ville gerne endnu af',
  sv: 'och ar inte jag mig min mitt du din vi det den detta med till fran hej tack hur vad nar var varfor men om eller har hade kan vill skulle garna annu av',
  pl: 'i jest sa nie ja moj moja moje pan pani my to ten ta z do od na w dzien dobry dziekuje jak co kiedy gdzie dlaczego ale czy lub mam ma prosze ' +
    'chcialbym jeszcze zamowienie'
}

const sets = Object.entries(SMALL_WORDS).map(([language, words]) => ({ language, words: new Set(words.split(' ')) }))
const shared = new Map<string, number>()
for (const { words } of sets) for (const word of words) shared.set(word, (shared.get(word) ?? 0) + 1)

/** Letters that only some of them have. */
const LETTERS: Array<[language: string, pattern: RegExp]> = [
  ['de', /[äöüß]/giu], ['fr', /[àâçèêëîïôùûœ]|[dlnjcsm]['’](?=[aeiouhéè])/giu], ['nl', /\b\p{L}*ij\p{L}*\b/giu], ['es', /[ñ¿¡]/giu], ['pt', /[ãõ]/giu],
  ['da', /[æø]/giu], ['sv', /å/giu], ['pl', /[ąęłńśźż]/giu]
]
const LETTER_WEIGHT = 0.7
const LEAST_SCORE = 0.9

/** @param words as `wordsOf` makes them of `text`. */
export const languageOf = (text: string, words: string): LanguageGuess => {
  const scores = new Map(sets.map(({ language }) => [language, 0]))
  const add = (language: string, points: number): void => { scores.set(language, (scores.get(language) ?? 0) + points) }
  const list = words.trim().split(' ')
  for (const { language, words: own } of sets) {
    // The rarer a small word is among the languages, the more it says.
    for (const word of list) if (own.has(word)) add(language, 1 / shared.get(word)!)
  }
  // A few names with foreign letters do not make a text foreign.
  for (const [language, pattern] of LETTERS) add(language, Math.min(3, text.match(pattern)?.length ?? 0) * LETTER_WEIGHT)
  const [[first, best], [, second]] = [...scores].sort((a, b) => b[1] - a[1]) as [[string, number], [string, number]]
  if (best < LEAST_SCORE) return { language: 'unknown', confidence: 0 }
  return {
    language: (REPLY_LANGUAGES as readonly string[]).includes(first) ? first as ReplyLanguage : 'other',
    confidence: Math.round((best - second) / best * 100) / 100
  }
}
