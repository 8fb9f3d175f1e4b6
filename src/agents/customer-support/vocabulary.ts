// The words by which people in four languages say what they want from a shop: general knowledge, with weights by how much a phrase settles.
import { cueOf, type Cue } from './words.ts'

export const TICKET_CLASSES = [
  'where_is_my_order', 'return', 'exchange', 'damaged_or_wrong', 'cancel_or_change', 'invoice_or_payment', 'discount_code', 'product_question', 'complaint',
  'spam', 'manipulation', 'other'
] as const
export type TicketClass = typeof TICKET_CLASSES[number]
export type NamedClass = Exclude<TicketClass, 'other'>

/** A phrase that settles it, one that points there, and one that only fits. */
const SETTLES = 3
const POINTS = 2
const FITS = 1

const cues = (settling: string, pointing: string, fitting = ''): Cue[] => [
  ...phrases(settling, SETTLES), ...phrases(pointing, POINTS), ...phrases(fitting, FITS)
]
const phrases = (list: string, weight: number): Cue[] =>
  list.split(',').map((text) => text.trim()).filter((text) => text !== '').map((text) => cueOf(text, weight))

// For the notation see cueOf in words.ts.
export const VOCABULARY: Record<NamedClass, Cue[]> = {
  where_is_my_order: cues(
    `where is|are order|parcel|package|delivery|shipment, wo ist|bleibt|bleiben bestellung|paket|lieferung|sendung|ware,
     ou est|sont commande|colis|livraison, waar is|blijft bestelling|pakket|pakje|zending|levering, track* order|parcel|package|number|link|shipment,
     sendungs*, paketverfolgung, trackingnummer, suivi _de colis|commande|livraison, numero _de _suivi, volg _en _trace, track _and _trace, trackingcode,
     not|never|nothing arrived|received|delivered|come|shown, hasn|hasnt|haven|havent|didn|didnt arrived|received|delivered|arrive|receive|got,
     nicht|nichts|nie|keine angekommen|erhalten|bekommen|geliefert|gekommen|eingetroffen|da, pas|jamais|rien recu|arrive|arrivee|livre|livree,
     niet|niets|nooit ontvangen|aangekomen|geleverd|gekregen|binnen|bezorgd, still waiting|wait, warte|warten immer|noch|seit|auf,
     attends toujours|encore|depuis, wacht|wachten nog|steeds|al|op`,
    `when arrive|deliver*|get|come|ship*|receive, wann kommt|kommen|geliefert|lieferung|ankommt|verschickt|versendet|versandt,
     quand arrive*|livr*|recevr*|expedi*, wanneer komt|geleverd|bezorgd|levering|verzonden|verstuurd|ontvang, delayed, late delivery|order|parcel, verspatet,
     verspatung, retard, vertraging|vertraagd, lieferstatus, bestellstatus, versandstatus, order|delivery _status,
     status order|bestellung|commande|bestelling, lieferzeit, lost parcel|package, verloren paket|sendung, colis perdu, kwijt pakket|zending, hangt|stuck,
     already|yet shipped|sent|dispatched, schon|bereits verschickt|versendet|versandt|unterwegs`,
    `delivery, shipping, shipment, parcel, package, lieferung, versand, paket, livraison, colis, levering, bezorging, pakket, zending, carrier, dhl, ups,
     dpd, gls, postnl, hermes`
  ),
  return: cues(
    `send|sending|ship|shipping|give|bring back, return* label|form|address|policy|item|order|it|them|this|these, want|like|wish|need to return,
     zuruckschick*, zurucksend*, zuruckgeb*, zuruckzuschick*, zuruckzusend*, zuruckgeschick*, zurueckschick*, zuruecksend*, zurueckgeb*, schick* zuruck,
     rucksend*, ruecksend*, rucksendeetikett, retourenschein, retourenlabel, retoure, retouren, widerruf*, renvoyer, renvoi, retourner, retractation,
     retour _gratuit, etiquette _de retour, bon _de _retour, terugsturen, terugzenden, teruggestuurd, terugstuur*, retourneren,
     retour* label|formulier|zenden|sturen, stuur* terug, herroeping*`,
    `return*, retour, retours, ruckgabe*, rueckgabe*, refund*, money _back, get money back, geld zuruck, geld zurueck, ruckerstattung, erstatt*, rembours*,
     geld terug, terugbetal*, changed _my _mind, do|does|did not like, don|doesn|didn like, gefallt|gefallen nicht, anders entschieden, plait|plaisent pas,
     bevalt|bevallen niet, no longer want|need, nicht mehr brauch*|haben`,
    'sent _back, zuruck, terug'
  ),
  exchange: cues(
    `exchang*, umtausch*, umzutausch*, umgetausch*, tausch* gegen|gross*|grosse|groesse, echange*, echanger, omruil*, omgeruild, ruil* voor|maat|tegen,
     swap* for|size, size|sizes larger|bigger|smaller|up|down, other|another|different|bigger|larger|smaller size,
     nummer|grosse|groesse grosser|kleiner|groesser|andere|anderen|anderer, andere|anderer|anderen grosse|groesse,
     grosser|kleiner|groesser nummer|grosse|groesse, taille au|en dessus|dessous|superieure|inferieure, autre|plus taille|grand|grande|petite,
     maat groter|kleiner, andere|grotere|kleinere maat`,
    `too _small|big|large|tight|long|short|wide|narrow|loose, zu _klein|gross|eng|weit|lang|kurz,
     trop _petit|petite|grand|grande|serre|serree|court|long|large, te _klein|groot|strak|wijd|lang|kort, wrong _size, falsche _grosse|groesse,
     mauvaise _taille, verkeerde _maat, does|do not fit, doesn|don|doesnt|dont fit, passt|passen nicht, past|passen niet, va|vont pas`,
    'size, grosse, groesse, taille, maat'
  ),
  damaged_or_wrong: cues(
    `damag*, broken, brok*, defect*, defekt*, faulty, torn, ripped, cracked, scratched, shattered, beschadigt*, beschaedigt*, kaputt*, zerbrochen*,
     gebrochen*, zerriss*, gerissen*, zerkratzt*, mangel*, mangelhaft*, endommag*, casse, cassee, cassees, abime*, defectueu*, dechire*, raye, beschadigd*,
     kapot*, gescheurd*, stuk, gebroken, wrong item|product|article|colour|color|thing|model, not what ordered,
     falsche|falscher|falschen|falsches artikel|produkt|ware|farbe|modell, falsch geliefert, mauvais|mauvaise article|produit|couleur|modele,
     verkeerd|verkeerde artikel|product|kleur|model, missing item|part|parts|piece, fehlt|fehlen teil|artikel|bestellung|paket|lieferung,
     manque article|piece|colis, ontbreekt|ontbreken`,
    `hole|holes, stain*, fleck*, loch|locher, trou, tache, vlek*, gat, seam, stitching, naht, couture, naad, leak*, ausgelaufen, fuite, lekt|lek,
     does|doesn|stopped work*, funktioniert nicht, fonctionne pas, werkt niet, replacement, replace, ersatz, ersetz*, remplac*, vervang*, incomplete,
     unvollstandig*, incomplet*, warranty, garantie, reklamation, reklamier*, fell|falls|coming apart, quality|poor quality`,
    'instead _of, statt, au _lieu, in _plaats, photo|photos|picture|pictures|foto|fotos attached'
  ),
  cancel_or_change: cues(
    `cancel*, stornier*, storno*, annul*, annuler, widerruf* bestellung, ruckgangig, abbestell*, change|update|correct address|delivery|order|shipping,
     wrong|new|old address, adresse|lieferadresse|anschrift ander*|aender*|falsch*|neue*|korrigier*|aktualisier*,
     andern|aendern bestellung|adresse|lieferadresse, modifier|changer commande|adresse, mauvaise|nouvelle _adresse,
     adres wijzig*|verander*|verkeerd*|nieuw*|aanpass*, wijzig* bestelling|adres, bestelling wijzig*|aanpass*, add to order, hinzufugen bestellung,
     ajouter commande, toevoegen bestelling`,
    `by _mistake, by _accident, accidentally, aus _versehen, versehentlich, vertan, par _erreur, per _ongeluk, vergissing, ordered twice, doppelt bestell*,
     bestell* doppelt, zweimal bestell*, commande deux|double, twee|dubbel besteld, before ship*|sent|send|dispatch*,
     bevor|ehe verschick*|versend*|versand*|rausgeht, avant expedi*|envoi*, voordat|voor verzonden|verstuurd|verzend*, do _not _send|ship,
     no _longer _want order, nicht verschicken|versenden|abschicken, don _t _send|ship`
  ),
  invoice_or_payment: cues(
    `invoice*, rechnung*, facture*, factuur*, facturen, receipt, quittung, beleg, recu _de paiement, bon _de _caisse, bonnetje, kassenbon,
     vat|tax number|id|invoice|receipt, ust _id, umsatzsteuer*, mehrwertsteuer*, mwst, tva, btw, charged twice|double,
     doppelt|zweimal abgebucht|belastet|bezahlt, debite|preleve|paye deux, dubbel|twee afgeschreven|betaald, payment fail*|declin*|problem|not|pending,
     zahlung fehlgeschlagen|nicht|problem*|abgelehnt|eingegangen, paiement echoue|refuse*|probleme|pas, betaling mislukt|geweigerd|niet|probleem`,
    `payment, zahlung, bezahlung, zahlen, paiement, payer, betaling, betalen, paid, bezahlt, paye, betaald, paypal, klarna, credit _card, kreditkarte,
     carte _bancaire|bleue|de, creditcard, ideal, bank _transfer, uberweisung, ueberweisung, virement, overschrijving, overgemaakt, mahnung, bill, billing,
     abbuchung, lastschrift, amount charged`,
    'tax, steuer, accounting, buchhaltung, comptab*, boekhouding, company, firma, entreprise, bedrijf'
  ),
  discount_code: cues(
    `discount|promo|promotion|coupon|voucher|gift code*|card, code work*|accept*|valid|invalid|expired|apply|applied|checkout, discount, coupon*, voucher*,
     promo*, gutschein*, rabatt*, aktionscode*, gutscheincode, code funktioniert|angenommen|akzeptiert|geht|ungultig|abgelaufen|einlosen|kasse,
     bon|code reduction|promo*|avantage, code fonctionne|accepte|marche|valable|refuse, remise, kortingscode*, korting*, kortingsbon,
     code werkt|geaccepteerd|geldig|verlopen|ongeldig, cadeaubon, cadeaukaart, carte _cadeau, gift _card`,
    'code, checkout, kasse, newsletter, panier, winkelwagen, warenkorb, sale, black _friday'
  ),
  product_question: cues(
    `in|back|available stock, question|questions about|regarding|on, frage|fragen zu|zum|zur|uber, question|renseignement|information sur|concernant|produit,
     vraag|vragen over, which|what size for|should|do|would|is, welche grosse|groesse, quelle _taille, welke _maat, size chart|guide, grossentabelle,
     groessentabelle, guide _des _tailles, maattabel, is|are available, wieder|noch|auf lieferbar|verfugbar|lager|vorratig|verfuegbar, est|sont disponible*,
     en _stock, op|weer voorraad|leverbaar|beschikbaar, made _of, what material, aus welchem|was material, material ist|besteht, quelle matiere,
     welk materiaal, can|do|how wash|clean|use|fit, wie waschen|wasche|reinigen|pflegen|pflege, comment laver|nettoyer|utiliser|entretenir,
     hoe wassen|was|reinigen|gebruik*`,
    `suitable, suit, geeignet, eignet, passend, passt fur|auf|zu, convient, compatible, geschikt, recommend*, empfehl*, empfiehl*, conseill*, recommand*,
     aanrad*, adviseren, advies, advice, beratung, do|does you|it have|come|sell, haben|gibt es, avez _vous, hebben|heeft jullie|u,
     colour|color|farbe|couleur|kleur available|verfugbar|disponible|beschikbaar, dimensions, measure*, mass*|abmessung*, dimensions, afmeting*,
     difference between, unterschied zwischen, difference entre, verschil tussen, waterproof, wasserdicht, impermeable, waterdicht, machine _washable,
     waschbar, lavable, wasbaar, ingredients, inhaltsstoffe, composition, ingredienten`,
    'size, grosse, groesse, taille, maat, stock, lager, voorraad, material'
  ),
  complaint: cues(
    `complain*, beschwer*, reclamation, plainte, klacht*, unacceptable, inakzeptabel, inacceptable, onacceptabel, disappoint*, enttausch*, enttaeusch*, decu,
     decue, deception, teleurgesteld*, teleurstell*, terrible, horrible, worst, outrag*, scandal*, skandal*, scandaleu*, schandalig*, unverschamt*,
     frechheit, never again|order, nie wieder, plus jamais, nooit meer, lawyer, anwalt, rechtsanwalt, avocat, advocaat, verbraucherschutz,
     consumer protection, bad|poor|negative review|service|experience|support, schlecht* bewertung|service|kundenservice|erfahrung,
     mauvais service|avis|experience, slecht* service|ervaring|beoordeling, no|nobody|never answer*|reply|replies|responds|respond`,
    `angry, frustrat*, unhappy, not happy|satisfied|acceptable, annoy*, verargert, unzufrieden*, wutend, sauer, mecontent*, furieu*, insatisfait*,
     ontevreden, boos, rude, unfreundlich*, impoli*, onbeleefd*, niemand antwort*|meldet|reagiert, personne repond, niemand reageert|antwoord*,
     third|second time|email|mail|message, dritte|zweite mal|mail|nachricht, ignored|ignoriert|genegeerd, ridiculous, lacherlich, ridicule, belachelijk,
     scam, betrug, arnaque, oplichting`
  ),
  spam: cues(
    `seo, backlink*, search _engine*, first|top page _of|on|google|search, page _one google, website traffic|ranking|visitors, rank* google|website|higher,
     suchmaschinen*, referencement, zoekmachine*, guest _post, link _building, web _design service*,
     marketing|digital|lead agency|services|generation|experts, increase|boost|grow|double your sales|traffic|revenue|business|followers,
     followers instagram|buy, crypto*, bitcoin*, investment opportunit*, casino*, loan|loans offer*|approved|business,
     free|kostenlose|gratuit audit|quote|consultation|trial, we _are _a manufacturer|supplier|factory, wholesale price _list, partnership proposal,
     unsubscribe, viagra, lottery, inheritance, won prize|lottery, kredit angebot, geld verdienen,
     we|our company|team offer|provide|help|bring your|you website|shop|store|business|brand`,
    `our services, your website, ihre webseite|website, votre site, uw website, google, ranking, limited offer, click here, best price manufacturer,
     no obligation, interested _in working|cooperation|collaboration, influencer, collab*, promote your`
  ),
  // People who try their luck with the machine that reads their message.
  manipulation: cues(
    `ignore|disregard|forget|override previous|prior|above|all|your|earlier instruction*|rules|prompt|guidelines|policy|policies,
     ignorier* anweisung*|regeln|vorherig*|bisherig*, vergiss anweisung*|regeln, ignore*|oublie* instructions|consignes|regles,
     negeer|vergeet instructies|regels|opdrachten, system _prompt, systemprompt, maintenance|developer|admin|debug|god|root|test _mode, wartungsmodus,
     entwicklermodus, mode _maintenance|developpeur|administrateur, onderhoudsmodus, you _are _now, du _bist _jetzt|nun|ab, tu _es _maintenant,
     vous _etes _maintenant, je _bent _nu, act|behave|pretend _as|to|like, jailbreak, language _model, sprachmodell,
     ai|ki|ia assistant|model|agent|bot you|must|execute,
     owner|admin|administrator|management|boss|ceo approved|authorized|authorised|authorizes|confirmed|instructs,
     inhaber|chef|administrator genehmigt|freigegeben|bestatigt|angeordnet, proprietaire|patron|administrateur approuve|autorise,
     eigenaar|beheerder goedgekeurd|toegestaan, set price _of|to|for, setze preis auf, preis auf _0,
     create|generate|issue discount|coupon|code 100|unlimited|without|free, system notice|message|override|command|alert,
     execute|run following|command|refund|query, refund full without|immediately|now|automatically approval|approve*,
     reveal|show|print|list customer|customers|other data|password*|emails|prompt|instructions|orders`,
    'new instructions, neue anweisung*, nouvelles instructions, nieuwe instructies, approve|approved|authorized refund|everything|all',
    'system, developer, admin, administrator, api, sql, prompt, override, password, passwort'
  )
}

/** Words of hurry, in all four languages. */
export const URGENT: Cue[] = cues(
  `urgent*, dringend*, eilt, eilig, sofort, umgehend, schnellstmoglich, urgence, immediat*, haast, spoed*, dringend, onmiddellijk, asap, immediately,
   emergency, right _now|away, as _soon _as, so _schnell _wie, au _plus _vite, des _que, zo _snel|spoedig, heute noch, today, aujourd _hui, vandaag,
   tomorrow, morgen, demain`,
  `competition|show|tournament|wedding|birthday|holiday|event|trip|christmas this|next|on|tomorrow|saturday|sunday, turnier, geburtstag, hochzeit, urlaub,
   weihnachten, concours, anniversaire, mariage, noel, wedstrijd, verjaardag, bruiloft, vakantie, kerst, weekend, wochenende, week _end, deadline, frist,
   lawyer, anwalt, avocat, advocaat, hurry, quickly, schnell, vite, rapidement, snel, before friday|saturday|sunday|monday|weekend`
)
