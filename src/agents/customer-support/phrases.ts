// The sentences of the answers in four languages. They say what is known and who looks at it, and promise nothing.
import type { ReplyLanguage } from './language.ts'
import type { TicketClass } from './vocabulary.ts'

export type AnsweredClass = Exclude<TicketClass, 'spam' | 'manipulation'>

export interface Phrases {
  subject (order: string | null): string
  greeting: string
  opening: Record<AnsweredClass, string>
  placed (order: string, day: string): string
  cancelled (day: string): string
  unpaid: string
  notSent: string
  partlySent: string
  sent (day: string): string
  tracking (carrier: string | null, number: string): string
  trackingPage (url: string): string
  noTracking: string
  delivered (day: string): string
  /** The carrier's estimate. */
  expected (day: string): string
  refunded (amount: string, day: string): string
  policy (title: string, url: string): string
  /** Asks for the order's number without a word on whether there is one. */
  askOrder: string
  next: Record<AnsweredClass, string>
  closing (shop: string): string
}

export const PHRASES: Record<ReplyLanguage, Phrases> = {
  en: {
    subject: (order) => order === null ? 'Your message to us' : `Your order ${order}`,
    greeting: 'Hello,',
    opening: {
      where_is_my_order: 'thank you for your message about your delivery.',
      return: 'thank you for your message. You would like to send something back.',
      exchange: 'thank you for your message. You would like to exchange something.',
      damaged_or_wrong: 'thank you for your message. We are sorry that something is not right with the goods.',
      cancel_or_change: 'thank you for your message. You would like to cancel or change an order.',
      invoice_or_payment: 'thank you for your message about an invoice or a payment.',
      discount_code: 'thank you for your message about a discount code.',
      product_question: 'thank you for your question about our products.',
      complaint: 'thank you for your message. We are sorry that you are not satisfied.',
      other: 'thank you for your message.'
    },
    placed: (order, day) => `Your order ${order} was placed on ${day}.`,
    cancelled: (day) => `It was cancelled on ${day}.`,
    unpaid: 'Its payment has not been recorded yet.',
    notSent: 'It has not been sent yet. When it will leave we cannot say at this point.',
    partlySent: 'A part of it has not been sent yet.',
    sent: (day) => `A parcel was sent on ${day}.`,
    tracking: (carrier, number) => `The tracking number is ${number}${carrier === null ? '' : ` (${carrier})`}.`,
    trackingPage: (url) => `You can follow it here: ${url}`,
    noTracking: 'No tracking number was recorded for it.',
    delivered: (day) => `The carrier reports its delivery on ${day}.`,
    expected: (day) => `The carrier's estimate for the delivery is ${day}.`,
    refunded: (amount, day) => `A refund of ${amount} was made on ${day}.`,
    policy: (title, url) => `What applies is described here: ${title}, ${url}`,
    askOrder: 'So that we can look into it, please tell us the number of your order and write from the e-mail address that you ordered with.',
    next: {
      where_is_my_order: 'If this does not answer your question, please reply to this message.',
      return: 'A colleague will look at your request and answer you.',
      exchange: 'Please tell us which size or variant you need. A colleague will look at your request and answer you.',
      damaged_or_wrong: 'Please send us a photo that shows what is wrong. A colleague will look at it and answer you.',
      cancel_or_change: 'A colleague will check what is still possible and answer you.',
      invoice_or_payment: 'A colleague will look at your request and answer you.',
      discount_code: 'Please send us the code and the message that is shown at the checkout. A colleague will look at it and answer you.',
      product_question: 'A colleague who knows the product will answer you.',
      complaint: 'A colleague will look at what happened and answer you.',
      other: 'A colleague will read it and answer you.'
    },
    closing: (shop) => `Kind regards\n${shop}`
  },
  de: {
    subject: (order) => order === null ? 'Ihre Nachricht an uns' : `Ihre Bestellung ${order}`,
    greeting: 'Guten Tag,',
    opening: {
      where_is_my_order: 'vielen Dank für Ihre Nachricht zu Ihrer Lieferung.',
      return: 'vielen Dank für Ihre Nachricht. Sie möchten etwas zurücksenden.',
      exchange: 'vielen Dank für Ihre Nachricht. Sie möchten etwas umtauschen.',
      damaged_or_wrong: 'vielen Dank für Ihre Nachricht. Es tut uns leid, dass mit der Ware etwas nicht stimmt.',
      cancel_or_change: 'vielen Dank für Ihre Nachricht. Sie möchten eine Bestellung stornieren oder ändern.',
      invoice_or_payment: 'vielen Dank für Ihre Nachricht zu einer Rechnung oder Zahlung.',
      discount_code: 'vielen Dank für Ihre Nachricht zu einem Rabattcode.',
      product_question: 'vielen Dank für Ihre Frage zu unseren Produkten.',
      complaint: 'vielen Dank für Ihre Nachricht. Es tut uns leid, dass Sie nicht zufrieden sind.',
      other: 'vielen Dank für Ihre Nachricht.'
    },
    placed: (order, day) => `Ihre Bestellung ${order} ist am ${day} bei uns eingegangen.`,
    cancelled: (day) => `Sie wurde am ${day} storniert.`,
    unpaid: 'Ihre Zahlung ist bei uns noch nicht verbucht.',
    notSent: 'Sie ist noch nicht verschickt. Wann sie das Haus verlässt, können wir im Moment nicht sagen.',
    partlySent: 'Ein Teil davon ist noch nicht verschickt.',
    sent: (day) => `Ein Paket wurde am ${day} verschickt.`,
    tracking: (carrier, number) => `Die Sendungsnummer lautet ${number}${carrier === null ? '' : ` (${carrier})`}.`,
    trackingPage: (url) => `Hier können Sie die Sendung verfolgen: ${url}`,
    noTracking: 'Eine Sendungsnummer ist dazu nicht hinterlegt.',
    delivered: (day) => `Der Zusteller meldet die Zustellung am ${day}.`,
    expected: (day) => `Der Zusteller schätzt die Zustellung auf den ${day}.`,
    refunded: (amount, day) => `Am ${day} wurde eine Erstattung über ${amount} vorgenommen.`,
    policy: (title, url) => `Was gilt, steht hier: ${title}, ${url}`,
    askOrder: 'Damit wir nachsehen können, nennen Sie uns bitte Ihre Bestellnummer und schreiben Sie von der E-Mail-Adresse, mit der Sie bestellt haben.',
    next: {
      where_is_my_order: 'Falls das Ihre Frage nicht beantwortet, antworten Sie bitte auf diese Nachricht.',
      return: 'Eine Kollegin oder ein Kollege sieht sich Ihr Anliegen an und antwortet Ihnen.',
      exchange: 'Bitte nennen Sie uns die gewünschte Größe oder Variante. Eine Kollegin oder ein Kollege sieht sich Ihr Anliegen an und antwortet Ihnen.',
      damaged_or_wrong: 'Bitte schicken Sie uns ein Foto, das den Fehler zeigt. Eine Kollegin oder ein Kollege sieht es sich an und antwortet Ihnen.',
      cancel_or_change: 'Eine Kollegin oder ein Kollege prüft, was noch möglich ist, und antwortet Ihnen.',
      invoice_or_payment: 'Eine Kollegin oder ein Kollege sieht sich Ihr Anliegen an und antwortet Ihnen.',
      discount_code: 'Bitte schicken Sie uns den Code und die Meldung, die an der Kasse erscheint. Eine Kollegin oder ein Kollege sieht sie sich an und ' +
        'antwortet Ihnen.',
      product_question: 'Eine Kollegin oder ein Kollege mit Kenntnis des Produkts antwortet Ihnen.',
      complaint: 'Eine Kollegin oder ein Kollege geht der Sache nach und antwortet Ihnen.',
      other: 'Eine Kollegin oder ein Kollege liest sie und antwortet Ihnen.'
    },
    closing: (shop) => `Mit freundlichen Grüßen\n${shop}`
  },
  fr: {
    subject: (order) => order === null ? 'Votre message' : `Votre commande ${order}`,
    greeting: 'Bonjour,',
    opening: {
      where_is_my_order: 'merci pour votre message au sujet de votre livraison.',
      return: 'merci pour votre message. Vous souhaitez nous renvoyer un article.',
      exchange: 'merci pour votre message. Vous souhaitez échanger un article.',
      damaged_or_wrong: "merci pour votre message. Nous sommes désolés que quelque chose n'aille pas avec la marchandise.",
      cancel_or_change: 'merci pour votre message. Vous souhaitez annuler ou modifier une commande.',
      invoice_or_payment: "merci pour votre message au sujet d'une facture ou d'un paiement.",
      discount_code: "merci pour votre message au sujet d'un code de réduction.",
      product_question: 'merci pour votre question au sujet de nos produits.',
      complaint: 'merci pour votre message. Nous sommes désolés que vous ne soyez pas satisfait.',
      other: 'merci pour votre message.'
    },
    placed: (order, day) => `Votre commande ${order} a été passée le ${day}.`,
    cancelled: (day) => `Elle a été annulée le ${day}.`,
    unpaid: "Son paiement n'est pas encore enregistré.",
    notSent: "Elle n'a pas encore été expédiée. Nous ne pouvons pas dire pour le moment quand elle partira.",
    partlySent: "Une partie n'a pas encore été expédiée.",
    sent: (day) => `Un colis a été expédié le ${day}.`,
    tracking: (carrier, number) => `Le numéro de suivi est ${number}${carrier === null ? '' : ` (${carrier})`}.`,
    trackingPage: (url) => `Vous pouvez suivre le colis ici : ${url}`,
    noTracking: "Aucun numéro de suivi n'est enregistré.",
    delivered: (day) => `Le transporteur indique une livraison le ${day}.`,
    expected: (day) => `Le transporteur estime la livraison au ${day}.`,
    refunded: (amount, day) => `Un remboursement de ${amount} a été effectué le ${day}.`,
    policy: (title, url) => `Les conditions sont décrites ici : ${title}, ${url}`,
    askOrder: "Pour que nous puissions vérifier, indiquez-nous le numéro de votre commande et écrivez depuis l'adresse e-mail utilisée pour commander.",
    next: {
      where_is_my_order: 'Si cela ne répond pas à votre question, répondez simplement à ce message.',
      return: 'Un membre de notre équipe examine votre demande et vous répond.',
      exchange: 'Indiquez-nous la taille ou la variante souhaitée. Un membre de notre équipe examine votre demande et vous répond.',
      damaged_or_wrong: 'Envoyez-nous une photo qui montre le problème. Un membre de notre équipe examine le cas et vous répond.',
      cancel_or_change: 'Un membre de notre équipe vérifie ce qui est encore possible et vous répond.',
      invoice_or_payment: 'Un membre de notre équipe examine votre demande et vous répond.',
      discount_code: "Envoyez-nous le code et le message affiché à la caisse. Un membre de notre équipe l'examine et vous répond.",
      product_question: 'Un membre de notre équipe qui connaît le produit vous répond.',
      complaint: "Un membre de notre équipe examine ce qui s'est passé et vous répond.",
      other: 'Un membre de notre équipe le lit et vous répond.'
    },
    closing: (shop) => `Cordialement\n${shop}`
  },
  nl: {
    subject: (order) => order === null ? 'Uw bericht aan ons' : `Uw bestelling ${order}`,
    greeting: 'Goedendag,',
    opening: {
      where_is_my_order: 'bedankt voor uw bericht over uw levering.',
      return: 'bedankt voor uw bericht. U wilt iets terugsturen.',
      exchange: 'bedankt voor uw bericht. U wilt iets ruilen.',
      damaged_or_wrong: 'bedankt voor uw bericht. Het spijt ons dat er iets niet in orde is met de goederen.',
      cancel_or_change: 'bedankt voor uw bericht. U wilt een bestelling annuleren of wijzigen.',
      invoice_or_payment: 'bedankt voor uw bericht over een factuur of betaling.',
      discount_code: 'bedankt voor uw bericht over een kortingscode.',
      product_question: 'bedankt voor uw vraag over onze producten.',
      complaint: 'bedankt voor uw bericht. Het spijt ons dat u niet tevreden bent.',
      other: 'bedankt voor uw bericht.'
    },
    placed: (order, day) => `Uw bestelling ${order} is op ${day} geplaatst.`,
    cancelled: (day) => `Deze is op ${day} geannuleerd.`,
    unpaid: 'De betaling is nog niet bij ons geregistreerd.',
    notSent: 'Deze is nog niet verzonden. Wanneer deze vertrekt, kunnen wij op dit moment niet zeggen.',
    partlySent: 'Een deel ervan is nog niet verzonden.',
    sent: (day) => `Een pakket is op ${day} verzonden.`,
    tracking: (carrier, number) => `Het trackingnummer is ${number}${carrier === null ? '' : ` (${carrier})`}.`,
    trackingPage: (url) => `U kunt het pakket hier volgen: ${url}`,
    noTracking: 'Er is geen trackingnummer geregistreerd.',
    delivered: (day) => `De vervoerder meldt de bezorging op ${day}.`,
    expected: (day) => `De vervoerder schat de bezorging op ${day}.`,
    refunded: (amount, day) => `Op ${day} is een terugbetaling van ${amount} gedaan.`,
    policy: (title, url) => `Wat er geldt, staat hier: ${title}, ${url}`,
    askOrder: 'Laat ons uw bestelnummer weten en schrijf vanaf het e-mailadres waarmee u hebt besteld, zodat wij het kunnen nakijken.',
    next: {
      where_is_my_order: 'Als dit uw vraag niet beantwoordt, antwoord dan op dit bericht.',
      return: 'Een collega bekijkt uw verzoek en antwoordt u.',
      exchange: 'Laat ons weten welke maat of variant u nodig hebt. Een collega bekijkt uw verzoek en antwoordt u.',
      damaged_or_wrong: 'Stuur ons een foto waarop te zien is wat er mis is. Een collega bekijkt het en antwoordt u.',
      cancel_or_change: 'Een collega gaat na wat nog mogelijk is en antwoordt u.',
      invoice_or_payment: 'Een collega bekijkt uw verzoek en antwoordt u.',
      discount_code: 'Stuur ons de code en de melding die bij het afrekenen verschijnt. Een collega bekijkt het en antwoordt u.',
      product_question: 'Een collega die het product kent, antwoordt u.',
      complaint: 'Een collega gaat na wat er is gebeurd en antwoordt u.',
      other: 'Een collega leest het en antwoordt u.'
    },
    closing: (shop) => `Met vriendelijke groet\n${shop}`
  }
}
