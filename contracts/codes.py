"""Every refusal code with its sentences. A code is never renamed and never means something else."""

from typing import NamedTuple

from contracts.codes_bulk import BULK_CODES
from contracts.codes_mailboxes import MORE_CODES


class Sentence(NamedTuple):
    """The text of one code; names in braces are the finding's details."""

    de: str
    en: str


# What a program calls a thing and a person does not.
WORDS: dict[str, Sentence] = {
    "mailbox": Sentence("Postfächer", "mailboxes"),
    "alias_forward": Sentence("Aliasse und Weiterleitungen", "aliases and forwardings"),
    "group": Sentence("Gruppen", "groups"),
    "active": Sentence("aktiv", "active"),
    "suspended": Sentence("gesperrt", "suspended"),
    "closing": Sentence("in Schließung", "being closed"),
    "closed": Sentence("geschlossen", "closed"),
    "deleting": Sentence("zur Löschung vorgemerkt", "about to be deleted"),
    "deleted": Sentence("gelöscht", "deleted"),
    "claimed": Sentence("angemeldet", "claimed"),
    "abandoned": Sentence("ruhend", "abandoned"),
    "verified": Sentence("bestätigt", "verified"),
    "removing": Sentence("in Auflösung", "being removed"),
    "removed": Sentence("aufgegeben", "removed"),
    "lost": Sentence("verloren", "lost"),
    "contested": Sentence("umstritten", "contested"),
    "quote_unknown": Sentence("Dieses Konto hat kein solches Angebot", "this account has no such quote"),
    "quote_expired": Sentence("Es ist abgelaufen", "it has expired"),
    "quote_used": Sentence("Es wurde schon angenommen", "it was used already"),
    "quote_for_other": Sentence("Es gilt einem anderen Auftrag", "it is for another request"),
    "quote_price_changed": Sentence("Der Preis gilt so nicht mehr", "its prices hold no longer"),
}

CODES: dict[str, Sentence] = {
    # the message itself
    "not_json": Sentence("Die Nachricht ist kein gültiges JSON.", "The message is not valid JSON."),
    "unknown_type": Sentence(
        "Den Auftrag {type} kennt dieses System nicht.", "This system does not know the request {type}."
    ),
    "unknown_version": Sentence(
        "Den Auftrag {type} gibt es nicht in der Fassung {version}; bekannt: {known}.",
        "The request {type} has no version {version}; known: {known}.",
    ),
    "wrong_shape": Sentence("Das Feld {field} ist falsch: {reason}.", "The field {field} is wrong: {reason}."),
    "type_mismatch": Sentence(
        "Das Betreff-Token verlangt {expected}, die Nachricht nennt sich {given}.",
        "The subject asks for {expected}, the message calls itself {given}.",
    ),
    "account_mismatch": Sentence(
        "Das Konto in der Nachricht ist nicht das Konto des Betreffs.",
        "The account in the message is not the account of the subject.",
    ),
    "too_large": Sentence(
        "Die Nachricht hat {bytes} Byte, erlaubt sind {limit}.", "The message has {bytes} bytes, {limit} are allowed."
    ),
    "request_id_reused": Sentence(
        "Diese Auftragsnummer gehört schon zu einem Auftrag mit anderem Inhalt.",
        "This request id already belongs to a request with other content.",
    ),
    "internal_error": Sentence(
        "Der Auftrag konnte nicht bearbeitet werden; der Betreiber sieht ihn und kann ihn wiederholen.",
        "The request could not be handled; the operator sees it and can replay it.",
    ),
    "more_findings": Sentence("Und {count} weitere Befunde.", "And {count} more findings."),
    # accounts and packages (billing)
    "account_unknown": Sentence("Das Konto {account} gibt es nicht.", "There is no account {account}."),
    "account_exists": Sentence("Das Konto {account} gibt es schon.", "The account {account} exists already."),
    "account_not_active": Sentence(
        "Das Konto ist {state}; bitte wenden Sie sich an den Betreiber.",
        "The account is {state}; please contact the operator.",
    ),
    "account_state": Sentence(
        "Das Konto {account} ist {state}; so geht dieser Auftrag nicht.",
        "The account {account} is {state}; this request does not apply.",
    ),
    "account_closing": Sentence(
        "Das Konto {account} wird schon geschlossen, am {at}. Nächster Schritt: einen früheren Tag nennen, sofort"
        " schließen oder die Schließung zurücknehmen.",
        "The account {account} is being closed already, at {at}. Next step: name an earlier day, close it immediately,"
        " or reopen it.",
    ),
    "account_closed": Sentence(
        "Das Konto {account} gab es schon, und es ist geschlossen; seine Nummer bekommt niemand anderes. Nächster"
        " Schritt: für denselben Kunden wieder öffnen, für einen anderen eine andere Nummer wählen.",
        "The account {account} was there before and is closed; nobody else gets its id. Next step: reopen it for the"
        " same customer, or choose another id for another.",
    ),
    "closure_under_way": Sentence(
        "Die Postfächer des Kontos {account} werden seit {at} gelöscht; das lässt sich nicht zurücknehmen. Nächster"
        " Schritt: wieder öffnen, sobald es geschlossen ist.",
        "The mailboxes of the account {account} are being deleted since {at}; that cannot be taken back. Next step:"
        " reopen it once it is closed.",
    ),
    "package_unknown": Sentence(
        "Das Paket {package} gibt es nicht; wählbar: {known}.",
        "There is no package {package}; choose from: {known}.",
    ),
    "package_unchanged": Sentence(
        "Das Konto hat das Paket {package} bereits.", "The account has the package {package} already."
    ),
    "reseller_not_self_service": Sentence(
        "Das Paket reseller richtet nur der Betreiber ein; bitte sprechen Sie uns an.",
        "Only the operator assigns the package reseller; please talk to us.",
    ),
    "reseller_api_only": Sentence(
        "Reseller-Konten werden nur über die API oder den Bus verwaltet, nicht über die Konsole.",
        "Reseller accounts are managed over the API or the bus only, not on the console.",
    ),
    "contract_terms_missing": Sentence(
        "Das Paket reseller braucht Vertragsbedingungen: Preis und Grenzen.",
        "The package reseller needs contract terms: price and caps.",
    ),
    "contract_terms_not_applicable": Sentence(
        "Vertragsbedingungen gelten nur für das Paket reseller, nicht für {package}.",
        "Contract terms belong to the package reseller only, not to {package}.",
    ),
    "package_too_small": Sentence(
        "Das Paket {package} ist zu klein: {resource}: {used} genutzt, {reserved} reserviert, {allowed} erlaubt;"
        " {excess} müssen weg.",
        "The package {package} is too small: {resource}: {used} used, {reserved} reserved, {allowed} allowed;"
        " {excess} must go.",
    ),
    "plan_unknown": Sentence(
        "Den Tarif {plan} gibt es nicht; wählbar: {known}.", "There is no plan {plan}; choose from: {known}."
    ),
    "plan_unchanged": Sentence(
        "Das Postfach hat den Tarif {plan} bereits.", "The mailbox has the plan {plan} already."
    ),
    "cap_reached": Sentence(
        "Die Grenze ist erreicht: {resource}: {allowed} erlaubt, {used} genutzt, {reserved} reserviert,"
        " {requested} angefragt. Wechseln Sie in ein größeres Paket oder geben Sie etwas frei.",
        "The cap is reached: {resource}: {allowed} allowed, {used} used, {reserved} reserved, {requested} requested."
        " Change to a larger package or free something.",
    ),
    "quote_stale": Sentence(
        "Das Angebot kann nicht angenommen werden. {state}. Nächster Schritt: mit einem neuen Probelauf"
        " ein neues Angebot einholen.",
        "The quote cannot be used: {state}. Next step: get a new one by another dry run.",
    ),
    "quote_not_applicable": Sentence(
        "Zum Auftrag {type} gibt es keine Angebote; senden Sie ihn ohne Angebotsnummer.",
        "The request {type} has no quotes; send it without a quote's id.",
    ),
    # invoices (billing)
    "account_reserved": Sentence(
        "Den Namen {account} braucht das System selbst.", "The system needs the name {account} for itself."
    ),
    "house_only": Sentence(
        "Dieser Auftrag betrifft kein einzelnes Konto; er geht an das Konto {account}.",
        "This request concerns no single account; address it to the account {account}.",
    ),
    "seller_incomplete": Sentence(
        "Für Rechnungen fehlen Angaben des Verkäufers: {missing}. Der Betreiber nennt sie in den Einstellungen.",
        "Invoices need particulars of the seller that are missing: {missing}. The operator names them in the settings.",
    ),
    "period_not_over": Sentence("Der Monat {period} ist noch nicht vorbei.", "The month {period} is not over yet."),
    "address_missing": Sentence(
        "Für eine Rechnung fehlt von der Anschrift: {missing}.", "An invoice needs parts of the address: {missing}."
    ),
    "tax_pending": Sentence(
        "Die Umsatzsteuer kann noch nicht bestimmt werden: {reason}.", "The VAT cannot be decided yet: {reason}."
    ),
    "price_list_unknown": Sentence(
        "Die Preisliste {catalogue} oder darin {sku} fehlt.", "The price list {catalogue} or {sku} in it is missing."
    ),
    "invoice_negative": Sentence(
        "Die Korrekturen früherer Monate übersteigen die Rechnung um {cents} Cent; bitte eine Gutschrift erstellen.",
        "The corrections of earlier months exceed the invoice by {cents} cents; please issue a credit note.",
    ),
    "invoice_too_large": Sentence(
        "Die Rechnung hat {lines} Zeilen und passt nicht in eine Nachricht.",
        "The invoice has {lines} lines and does not fit into one message.",
    ),
    "invoice_unknown": Sentence(
        "Die Rechnung {number} gibt es in diesem Konto nicht.", "There is no invoice {number} in this account."
    ),
    "not_an_invoice": Sentence("{number} ist selbst eine Rechnungskorrektur.", "{number} is a credit note itself."),
    "line_unknown": Sentence("Die Rechnung {number} hat keine Zeile {line}.", "Invoice {number} has no line {line}."),
    "credit_exceeds": Sentence(
        "Von Zeile {line} sind noch {left} Cent übrig, {requested} wurden verlangt.",
        "Line {line} has {left} cents left, {requested} were asked for.",
    ),
    "nothing_to_credit": Sentence(
        "Von der Rechnung {number} ist nichts mehr übrig.", "Nothing is left of the invoice {number}."
    ),
    "vat_id_differs": Sentence(
        "Das Konto hat eine andere USt-IdNr.: {vat_id}.", "The account has another VAT id: {vat_id}."
    ),
    # domains
    "domain_unknown": Sentence(
        "Die Domain {domain} ist in diesem Konto nicht bekannt. Nächster Schritt: Domain anmelden.",
        "The domain {domain} is not known in this account. Next step: claim the domain.",
    ),
    "domain_unverified": Sentence(
        "Die Domain {domain} ist noch nicht bestätigt. Nächster Schritt: TXT-Eintrag {name} mit {value} setzen.",
        "The domain {domain} is not proven yet. Next step: set the TXT record {name} to {value}.",
    ),
    "domain_password_missing": Sentence(
        "Für {domain} fehlt das Domain-Passwort. Nächster Schritt: Domain-Passwort setzen.",
        "The domain password of {domain} is missing. Next step: set the domain password.",
    ),
    "domain_not_active": Sentence(
        "Die Domain {domain} ist {state} und nimmt gerade nichts an.",
        "The domain {domain} is {state} and takes nothing at present.",
    ),
    "record_after_claim": Sentence(
        "Den TXT-Eintrag für {domain} nennt erst die Anmeldung. Nächster Schritt: Domain anmelden.",
        "Only the claim itself names the TXT record for {domain}. Next step: claim the domain.",
    ),
    "domain_already_claimed": Sentence(
        "Die Domain {domain} ist in diesem Konto schon angemeldet (Stand: {state}).",
        "The domain {domain} is claimed in this account already (state: {state}).",
    ),
    "domain_is_public_suffix": Sentence(
        "{domain} ist eine öffentliche Endung, unter der andere Namen registrieren; sie gehört niemandem allein.",
        "{domain} is a public suffix under which others register names; nobody owns it alone.",
    ),
    "top_level_domain_unknown": Sentence(
        "Die Endung .{top_level_domain} von {domain} gibt es im Internet nicht; bitte prüfen Sie die Schreibweise.",
        "The ending .{top_level_domain} of {domain} does not exist on the Internet; please check the spelling.",
    ),
    "domain_is_special_use": Sentence(
        "{domain} ist ein reservierter Name (RFC 6761) und kann nicht im Internet stehen.",
        "{domain} is a special-use name (RFC 6761) and cannot exist on the Internet.",
    ),
    "domain_has_mailboxes": Sentence(
        "Unter {domain} gibt es noch {mailboxes} Postfächer und {aliases} weitere Adressen (Aliasse, Weiterleitungen,"
        " Catch-all); auch ein Postfach, das zur Löschung vorgemerkt ist, zählt, bis es gelöscht ist. Nächster Schritt:"
        " diese sofort löschen, oder die Domain mit ihren Postfächern aufgeben.",
        "{domain} still has {mailboxes} mailboxes and {aliases} other addresses (aliases, forwardings, catch-all); a"
        " mailbox that is about to be deleted counts until it is gone. Next step: delete them immediately, or give the"
        " domain up with its mailboxes.",
    ),
    "removal_scheduled": Sentence(
        "Die Domain {domain} wird schon mit ihren Postfächern aufgegeben, am {at}. Nächster Schritt: einen anderen Tag"
        " nennen, sofort aufgeben oder die Domain behalten.",
        "The domain {domain} is being given up with its mailboxes already, at {at}. Next step: name another day, give"
        " it up immediately, or keep it.",
    ),
    "removal_under_way": Sentence(
        "Was unter {domain} steht, wird seit {at} gelöscht; das lässt sich nicht mehr ändern.",
        "What stands under {domain} is being deleted since {at}; that can no longer be changed.",
    ),
    "no_removal": Sentence(
        "Für {domain} läuft keine Löschung mit Postfächern, die sich zurücknehmen ließe.",
        "There is no removal of {domain} with its mailboxes that could be taken back.",
    ),
    "domain_given_away": Sentence(
        "Die Domain {domain} geht an ein anderes Konto über; das lässt sich hier nicht zurücknehmen.",
        "The domain {domain} passes to another account; that cannot be taken back here.",
    ),
    "domain_being_removed": Sentence(
        "Die Domain {domain} wird mit allen Postfächern aufgegeben; {address} geht mit ihr. Nächster Schritt: die"
        " Domain behalten, oder das Postfach sofort löschen.",
        "The domain {domain} is being given up with all mailboxes; {address} goes with it. Next step: keep the domain,"
        " or delete the mailbox immediately.",
    ),
    "domain_too_long": Sentence(
        "{domain} ist zu lang: mit dem Namen des TXT-Eintrags davor sind höchstens {limit} Zeichen möglich.",
        "{domain} is too long: with the TXT record's name before it, {limit} characters are possible at most.",
    ),
    # requests that wait for a domain
    "claim_lost": Sentence("Die Domain {domain} hält ein anderes Konto.", "Another account holds the domain {domain}."),
    "domain_claim_abandoned": Sentence(
        "Die Domain {domain} wurde lange nicht bestätigt, und wir sehen nicht mehr von selbst nach. Nächster Schritt:"
        " TXT-Eintrag {name} mit {value} setzen und prüfen lassen.",
        "The domain {domain} was not proven for long, and we no longer look by ourselves. Next step: set the TXT"
        " record {name} to {value} and ask for a check.",
    ),
    "domain_proof_lapsed": Sentence(
        "Der Nachweis für die Domain {domain} fehlt seit Tagen; darum sind keine neuen Adressen möglich. Nächster"
        " Schritt: TXT-Eintrag {name} mit {value} wieder setzen und prüfen lassen.",
        "The proof for the domain {domain} has been missing for days, so no new addresses are possible. Next step: set"
        " the TXT record {name} to {value} again and ask for a check.",
    ),
    "no_transfer": Sentence(
        "Für die Domain {domain} ist kein Übergang offen, über den dieses Konto zu entscheiden hätte.",
        "For the domain {domain} no transfer is open that would be this account's to decide.",
    ),
    "claimant_ambiguous": Sentence(
        "Die Domain {domain} beanspruchen {count} Konten; bitte nennen Sie das, das sie bekommen soll.",
        "The domain {domain} is claimed by {count} accounts; please name the one that shall have it.",
    ),
    # mailboxes
    "mailbox_unknown": Sentence(
        "Das Postfach {address} gibt es in diesem Konto nicht.", "There is no mailbox {address} in this account."
    ),
    "address_taken": Sentence("Die Adresse {address} ist schon vergeben.", "The address {address} is taken already."),
    "address_quarantined": Sentence(
        "Die Adresse {address} wurde gelöscht und ist bis {until} gesperrt. Nächster Schritt: eine andere Adresse"
        " wählen oder danach neu anfragen.",
        "The address {address} was deleted and is blocked until {until}. Next step: choose another address, or request"
        " it again after that.",
    ),
    "deletion_scheduled": Sentence(
        "Das Postfach {address} wird schon gelöscht, am {at}. Nächster Schritt: einen Tag nennen, sofort löschen oder"
        " die Löschung zurücknehmen.",
        "The mailbox {address} is about to be deleted already, at {at}. Next step: name a day, delete it immediately,"
        " or undelete it.",
    ),
    "deletion_day": Sentence(
        "Als Tag der Löschung ist {on} nicht möglich, nur {earliest} bis {latest}. Nächster Schritt: einen dieser Tage"
        " nennen oder sofort löschen.",
        "{on} is no possible day of the deletion, only {earliest} to {latest}. Next step: name one of these days, or"
        " delete immediately.",
    ),
    "password_missing": Sentence(
        "Das Passwort des Postfachs {address} fehlt. Nächster Schritt: seinen Hash mitsenden.",
        "The password of the mailbox {address} is missing. Next step: send its hash.",
    ),
    "password_hash_too_weak": Sentence(
        "Das Passwort ist mit {scheme} zu schwach gesichert; verlangt ist mindestens {minimum}. Nächster Schritt: mit"
        " diesen Kosten neu hashen.",
        "The password is protected too weakly by {scheme}; at least {minimum} is needed. Next step: hash it again at"
        " this cost.",
    ),
    "password_hash_too_costly": Sentence(
        "Das Passwort ist mit {scheme} so gesichert, dass jede Anmeldung zu viel kostet; erlaubt ist höchstens"
        " {maximum}. Nächster Schritt: mit geringeren Kosten neu hashen.",
        "The password is protected by {scheme} so that each login costs too much; at most {maximum} is allowed. Next"
        " step: hash it again at a lower cost.",
    ),
    "password_scheme_not_accepted": Sentence(
        "Passwörter mit {scheme} werden hier nicht angenommen, nur mit: {accepted}.",
        "Passwords by {scheme} are not accepted here, only by: {accepted}.",
    ),
    "mailbox_state": Sentence(
        "Das Postfach {address} ist {state}; so geht dieser Auftrag nicht.",
        "The mailbox {address} is {state}; this request does not apply.",
    ),
    "alias_unknown": Sentence(
        "Das Postfach {address} hat den Alias {alias} nicht.", "The mailbox {address} has no alias {alias}."
    ),
    "forwarding_loop": Sentence(
        "E-Mail an {address} käme im Kreis zurück: {chain}. Nächster Schritt: eine dieser Weiterleitungen ändern.",
        "Mail for {address} would come back in a circle: {chain}. Next step: change one of these forwardings.",
    ),
    "forwarding_too_wide": Sentence(
        "Die Weiterleitungen, die von {address} ausgehen, führen über mehr als {limit} Adressen; ob eine im Kreis"
        " führt, wird so weit nicht geprüft. Nächster Schritt: weniger Stationen.",
        "The forwardings that begin at {address} lead over more than {limit} addresses, farther than circles"
        " are looked for. Next step: fewer stations.",
    ),
    "forward_only_unknown": Sentence(
        "{address} ist in diesem Konto keine Adresse, die nur weiterleitet.",
        "{address} is no address of this account that only forwards.",
    ),
    "catch_all_unknown": Sentence(
        "Die Domain {domain} hat in diesem Konto kein Catch-all-Postfach.",
        "The domain {domain} has no catch-all mailbox in this account.",
    ),
    "lists_too_long": Sentence(
        "Aliasse, Weiterleitungen und gesperrte Absender von {address} wären zusammen {bytes} Byte lang, erlaubt sind"
        " {limit}.",
        "Aliases, forwardings and blocked senders of {address} would take {bytes} bytes together, {limit} are allowed.",
    ),
    "too_many_targets": Sentence(
        "Die Antwort für {targets} Ziele passt nicht in eine Nachricht; bitte teilen Sie den Auftrag auf.",
        "The answer for {targets} targets does not fit into one message; please split the request.",
    ),
    "reservation_expired": Sentence(
        "Die Reservierung ist abgelaufen, bevor der Auftrag ausgeführt wurde; bitte neu anfragen.",
        "The reservation expired before the request was carried out; please request it again.",
    ),
    "group_exists": Sentence("Die Gruppe {group} gibt es schon.", "The group {group} exists already."),
    "group_unknown": Sentence("Die Gruppe {group} gibt es nicht.", "There is no group {group}."),
    "member_unknown": Sentence(
        "Das Mitglied {address} ist kein Postfach dieses Kontos.", "The member {address} is no mailbox of this account."
    ),
    "member_without_groupware": Sentence(
        "Das Mitglied {address} hat den Tarif {plan} ohne Groupware.",
        "The member {address} is on the plan {plan}, which has no groupware.",
    ),
    "plan_needed_by_group": Sentence(
        "Das Postfach {address} ist Mitglied der Gruppe {group}; der Tarif {plan} hat keine Groupware.",
        "The mailbox {address} is a member of the group {group}; the plan {plan} has no groupware.",
    ),
}

CODES.update({code: Sentence(*texts) for code, texts in (BULK_CODES | MORE_CODES).items()})
