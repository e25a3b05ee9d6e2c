"""The sentence of every finding in both languages. Only the words; when they apply is judged in diagnosis and mx."""

from __future__ import annotations

from typing import Literal

Trouble = Literal[
    "servers_unreachable", "servers_failing", "lame_delegation", "ns_unresolvable", "ns_private", "tcp_blocked",
    "ns_malformed", "root_unreachable", "look_cut_short",
]  # fmt: skip
Code = Literal[
    "verified", "not_yet", "partial", "domain_not_registered",
    "name_doubled", "underscore_missing", "at_www", "in_parent_name", "wrong_provider",
    "old_token", "other_account_token", "other_domain_token", "value_truncated", "value_extra_text",
    "wildcard_answer", "wrong_value",
    "challenge_delegated", "cname_loop", "cname_target_broken", "cname_target_no_txt", "wrong_type",
    "dnssec_bogus", "perspectives_disagree", "not_corroborated",
] | Trouble  # fmt: skip
MxState = Literal["ok", "missing", "foreign", "mixed", "incomplete", "null", "broken", "unknown"]
MxCode = Literal[
    "ok", "missing", "domain_not_registered", "foreign", "foreign_preferred", "mixed", "incomplete", "wrong_order",
    "inconsistent", "null", "null_and_others", "ip_address", "name_doubled", "apex_alias", "implicit_a",
    "target_is_alias", "target_broken", "target_dangling", "localhost",
] | Trouble  # fmt: skip


TXT_TEXTS: dict[Code, tuple[str, str]] = {
    "verified": (
        "Confirmed: the record is at {having}.",
        "Bestätigt: Der Eintrag ist bei {having} vorhanden.",
    ),
    "not_yet": (
        "The record is not there yet at {lacking}. Please add a TXT record named {label} (in full: {name}) "
        'with the value "{value}".',
        "Bei {lacking} ist der Eintrag noch nicht da. Bitte legen Sie einen TXT-Eintrag mit dem Namen {label} "
        "(vollständig: {name}) und dem Wert „{value}“ an.",
    ),
    "partial": (
        "The record is at {having}, but not yet at {lagging_en}. Nothing to do: this usually settles within 15 "
        "minutes.",
        "Bei {having} ist der Eintrag schon da, bei {lagging_de} noch nicht. Sie müssen nichts tun: "
        "Das gleicht sich meist innerhalb von 15 Minuten an.",
    ),
    "dnssec_bogus": (
        "The record is there, but the DNSSEC signatures for {name} are broken ({why}), so that much of the Internet "
        "cannot reach it. Please have the DS record at your registrar match the keys of your DNS provider, or deleted.",
        "Der Eintrag ist da, aber die DNSSEC-Signaturen für {name} sind kaputt ({why}); ein großer Teil des Internets "
        "erreicht ihn deshalb nicht. Bitte lassen Sie beim Registrar den DS-Eintrag an die Schlüssel Ihres "
        "DNS-Anbieters anpassen oder löschen.",
    ),
    "perspectives_disagree": (
        "The record is at {having} as seen from here, but not as seen from elsewhere ({sites}). Nothing to do: this "
        "usually settles within minutes. Should it last for an hour, please ask your DNS provider.",
        "Von hier aus ist der Eintrag bei {having} vorhanden, von anderen Orten aus ({sites}) aber nicht. Sie müssen "
        "nichts tun: Das gleicht sich meist innerhalb von Minuten an. Bleibt es eine Stunde lang so, fragen Sie bitte "
        "Ihren DNS-Anbieter.",
    ),
    "not_corroborated": (
        "The record is at {having}. We still have to see it from a second place, which does not confirm it at the "
        "moment ({why}). Nothing to do: we try again by ourselves.",
        "Bei {having} ist der Eintrag vorhanden. Wir müssen ihn noch von zweiter Stelle aus sehen, die ihn gerade "
        "nicht bestätigt ({why}). Sie müssen nichts tun: Wir versuchen es von selbst weiter.",
    ),
    "wrong_value": (
        'At {name} there is "{first}", but "{value}" is needed. Please correct the value.',
        "Unter {name} steht „{first}“, gebraucht wird „{value}“. Bitte berichtigen Sie den Wert.",
    ),
    "old_token": (
        'At {name} there is an earlier value ("{first}"). Please replace it with the current one: "{value}".',
        "Unter {name} steht ein früherer Wert („{first}“). Bitte ersetzen Sie ihn durch den aktuellen: „{value}“.",
    ),
    "other_account_token": (
        'The value at {name} ("{first}") belongs to another account. Please add a TXT record with the value of this '
        'one: "{value}". Both may stand side by side.',
        "Der Wert unter {name} („{first}“) gehört zu einem anderen Konto. Bitte legen Sie einen TXT-Eintrag mit dem "
        "Wert für dieses Konto an: „{value}“. Beide dürfen nebeneinander stehen.",
    ),
    "other_domain_token": (
        'The value at {name} ("{first}") is the one for {other}. Please replace it with the one for {domain}: '
        '"{value}".',
        "Der Wert unter {name} („{first}“) ist der für {other}. Bitte ersetzen Sie ihn durch den für {domain}: "
        "„{value}“.",
    ),
    "name_doubled": (
        "The record was created at {first}: your provider appends the domain by itself. "
        "Please enter only {label} as the name.",
        "Der Eintrag liegt unter {first}: Ihr Anbieter hängt die Domain selbst an. "
        "Bitte tragen Sie als Namen nur {label} ein.",
    ),
    "underscore_missing": (
        "The record is at {first}, but {name} is needed: the underscore at the beginning belongs to it. Please create "
        "it with the name {label}; where your provider allows no underscore, create it at {domain} itself.",
        "Der Eintrag liegt unter {first}, gebraucht wird {name}: Der Unterstrich am Anfang gehört dazu. Bitte legen "
        "Sie ihn mit dem Namen {label} an; lässt Ihr Anbieter keinen Unterstrich zu, dann direkt bei {domain}.",
    ),
    "at_www": (
        "The record is at {first}, but {name} is needed. Please create it with the name {label}, without www.",
        "Der Eintrag liegt unter {first}, gebraucht wird {name}. "
        "Bitte legen Sie ihn mit dem Namen {label} an, ohne www.",
    ),
    "in_parent_name": (
        "The record is at {first}, but {name} is needed. Please create it with the name {label}.",
        "Der Eintrag liegt unter {first}, gebraucht wird {name}. Bitte legen Sie ihn mit dem Namen {label} an.",
    ),
    "wrong_provider": (
        "The record was created at {there}, but {in_charge} are in charge of {domain}. Please create it at the "
        "provider these belong to, or have the right name servers entered at your registrar.",
        "Der Eintrag wurde bei {there} angelegt, für {domain} sind aber {in_charge} zuständig. Bitte legen Sie ihn bei "
        "dem Anbieter an, dem diese Nameserver gehören, oder lassen Sie beim Registrar die richtigen eintragen.",
    ),
    "value_truncated": (
        'The value at {name} is cut off after {length} of {wanted_length} characters ("{first}"). '
        'Please enter the whole value: "{value}".',
        "Der Wert unter {name} ist nach {length} von {wanted_length} Zeichen abgeschnitten („{first}“). "
        "Bitte tragen Sie den ganzen Wert ein: „{value}“.",
    ),
    "value_extra_text": (
        'At {name} there is more than the value alone ("{first}"). Please enter only this: "{value}".',
        "Unter {name} steht mehr als nur der Wert („{first}“). Bitte tragen Sie nur dies ein: „{value}“.",
    ),
    "wildcard_answer": (
        "At {name} only a wildcard record (*) answers ({first}). Please create a TXT record of its own named {label} "
        'with the value "{value}"; the wildcard record may stay.',
        "Unter {name} antwortet nur ein Platzhalter-Eintrag (*) mit {first}. Bitte legen Sie einen eigenen TXT-Eintrag "
        "mit dem Namen {label} und dem Wert „{value}“ an; der Platzhalter darf bleiben.",
    ),
    "challenge_delegated": (
        "For {name} name servers of its own are entered ({first}), and the record is not there. Please create it "
        'there, or delete these NS records and create a TXT record with the value "{value}" instead.',
        "Für {name} sind eigene Nameserver eingetragen ({first}), und dort liegt der Eintrag nicht. Bitte legen Sie "
        "ihn dort an, oder löschen Sie diese NS-Einträge und legen Sie stattdessen einen TXT-Eintrag mit dem Wert "
        "„{value}“ an.",
    ),
    "cname_loop": (
        "{name} is an alias that leads in circles or on and on ({seen}). Please delete the CNAME record and create a "
        'TXT record with the value "{value}" instead.',
        "{name} ist ein Alias, der im Kreis oder immer weiter führt ({seen}). Bitte löschen Sie den CNAME-Eintrag und "
        "legen Sie stattdessen einen TXT-Eintrag mit dem Wert „{value}“ an.",
    ),
    "cname_target_broken": (
        "{name} is an alias of a name that does not exist ({seen}). Please delete the CNAME record and create a TXT "
        'record with the value "{value}" instead.',
        "{name} ist ein Alias für einen Namen, den es nicht gibt ({seen}). Bitte löschen Sie den CNAME-Eintrag und "
        "legen Sie stattdessen einen TXT-Eintrag mit dem Wert „{value}“ an.",
    ),
    "cname_target_no_txt": (
        "{name} is an alias of a name that has no TXT record ({seen}). Please delete the CNAME record and create a TXT "
        'record with the value "{value}" instead.',
        "{name} ist ein Alias für einen Namen, unter dem kein TXT-Eintrag liegt ({seen}). Bitte löschen Sie den "
        "CNAME-Eintrag und legen Sie stattdessen einen TXT-Eintrag mit dem Wert „{value}“ an.",
    ),
    "wrong_type": (
        'At {name} there is another record ({first}), but a TXT record with the value "{value}" is needed. '
        "Please delete the other record and add the TXT record.",
        "Unter {name} liegt ein anderer Eintrag ({first}), gebraucht wird ein TXT-Eintrag mit dem Wert „{value}“. "
        "Bitte löschen Sie den anderen Eintrag und legen Sie den TXT-Eintrag an.",
    ),
}
# In place of a trouble's own sentence, where it is the challenge alone that has name servers of its own.
DELEGATED_TEXT = (
    "We could not check: for {name} name servers of its own are entered ({silent}), and they give no usable answer. "
    'Please delete these NS records and create a TXT record with the value "{value}" instead.',
    "Wir konnten nicht prüfen: Für {name} sind eigene Nameserver eingetragen ({silent}), von denen keine brauchbare "
    "Antwort kommt. Bitte löschen Sie diese NS-Einträge und legen Sie stattdessen einen TXT-Eintrag mit dem Wert "
    "„{value}“ an.",
)
SHARED_TEXTS: dict[str, tuple[str, str]] = {
    "domain_not_registered": (
        "The domain {domain} does not exist (yet): the registry does not know it. "
        "Please check the spelling, or whether it has expired or is still being registered.",
        "Die Domain {domain} gibt es (noch) nicht: Die Registrierungsstelle kennt sie nicht. "
        "Bitte prüfen Sie, ob sie richtig geschrieben, abgelaufen oder noch in Registrierung ist.",
    ),
    "root_unreachable": (
        "We could not check: no root server of the DNS can be asked from our side at the moment. "
        "This says nothing about {domain}, and there is nothing for you to do; we keep trying by ourselves.",
        "Wir konnten nicht prüfen: Von uns aus ist gerade kein Root-Server des DNS zu erreichen. "
        "Das sagt nichts über {domain}, und Sie müssen nichts tun; wir versuchen es von selbst weiter.",
    ),
    "look_cut_short": (
        "We could not check: the way to the name servers of {domain} is too long, because they refer to one another or "
        "to ever more others. Please have this looked at by your DNS provider; we keep trying by ourselves.",
        "Wir konnten nicht prüfen: Der Weg zu den Nameservern von {domain} ist zu lang, weil sie aufeinander oder auf "
        "immer weitere verweisen. Bitte lassen Sie das Ihren DNS-Anbieter ansehen; wir versuchen es von selbst weiter.",
    ),
    "servers_unreachable": (
        "We could not check: {silent} did not answer. We keep trying by ourselves; "
        "should it last for a day, please ask your DNS provider.",
        "Wir konnten nicht prüfen: Von {silent} kam keine Antwort. Wir versuchen es von selbst weiter; "
        "bleibt es einen Tag lang so, fragen Sie bitte Ihren DNS-Anbieter.",
    ),
    "servers_failing": (
        "We could not check: {silent} answered with an error. We keep trying by ourselves; "
        "often DNSSEC or a secondary server at your DNS provider is the cause.",
        "Wir konnten nicht prüfen: Von {silent} kam eine Fehlermeldung. Wir versuchen es von selbst weiter; "
        "oft liegt es an DNSSEC oder einem Zweitserver bei Ihrem DNS-Anbieter.",
    ),
    "lame_delegation": (
        "We could not check: {silent} did not answer for {domain}, although the domain points there. "
        "Please have the name servers corrected at your registrar or the zone set up at your DNS provider.",
        "Wir konnten nicht prüfen: Für {domain} eingetragene Nameserver ({silent}) kennen die Domain nicht. "
        "Bitte lassen Sie die Nameserver beim Registrar berichtigen oder die Zone bei Ihrem DNS-Anbieter einrichten.",
    ),
    "ns_unresolvable": (
        "We could not check: the name servers of {zone} ({silent}) have no address. "
        "Please have name servers that exist entered at your registrar.",
        "Wir konnten nicht prüfen: Die Nameserver von {zone} ({silent}) haben keine Adresse. "
        "Bitte lassen Sie beim Registrar Nameserver eintragen, die es gibt.",
    ),
    "ns_private": (
        "We could not check: the name servers of {zone} ({silent}) have only internal addresses, which cannot be "
        "reached from the Internet. Please have their public addresses entered at your registrar.",
        "Wir konnten nicht prüfen: Die Nameserver von {zone} ({silent}) haben nur interne Adressen, die aus dem "
        "Internet nicht erreichbar sind. Bitte lassen Sie beim Registrar ihre öffentlichen Adressen eintragen.",
    ),
    "tcp_blocked": (
        "We could not check: the answer of {silent} is too long for one UDP packet, and over TCP there is no answer. "
        "Please have TCP port 53 opened, or delete records you do not need there.",
        "Wir konnten nicht prüfen: Die Antwort von {silent} ist zu lang für ein UDP-Paket, und über TCP kommt keine. "
        "Bitte lassen Sie den TCP-Port 53 öffnen, oder löschen Sie dort Einträge, die Sie nicht brauchen.",
    ),
    "ns_malformed": (
        "We could not check: what {silent} answered cannot be read. We keep trying by ourselves; "
        "should it last for a day, please ask your DNS provider.",
        "Wir konnten nicht prüfen: Was {silent} geantwortet hat, ist nicht lesbar. Wir versuchen es von selbst weiter; "
        "bleibt es einen Tag lang so, fragen Sie bitte Ihren DNS-Anbieter.",
    ),
}

MX_TEXTS: dict[MxCode, tuple[str, str]] = {
    "ok": (
        "The MX records of {domain} are right: mail is delivered to us.",
        "Die MX-Einträge von {domain} stimmen: E-Mails werden an uns zugestellt.",
    ),
    "missing": (
        "{domain} has no MX record, so it cannot reliably receive mail. Please add: {records}.",
        "{domain} hat keinen MX-Eintrag und kann daher nicht zuverlässig E-Mails empfangen. "
        "Bitte legen Sie an: {records}.",
    ),
    "implicit_a": (
        "{domain} has no MX record, so mail goes to the machine at the domain's own address ({addresses}). "
        "Please add: {records}.",
        "{domain} hat keinen MX-Eintrag; E-Mails gehen deshalb an den Rechner unter der Adresse der Domain selbst "
        "({addresses}). Bitte legen Sie an: {records}.",
    ),
    "target_is_alias": (
        "An MX record of {domain} names a host that is only an alias ({targets}); only hosts with an address of their "
        "own work there. Please set: {records}.",
        "Ein MX-Eintrag von {domain} nennt einen Host, der nur ein Alias ist ({targets}); dort sind nur Hosts mit "
        "eigener Adresse möglich. Bitte setzen Sie: {records}.",
    ),
    "target_broken": (
        "The MX records of {domain} name hosts that do not exist or have no address ({targets}): mail does not arrive "
        "there. Please check the spelling; the right records are: {records}.",
        "Die MX-Einträge von {domain} nennen Hosts, die es nicht gibt oder die keine Adresse haben ({targets}): Dort "
        "kommen keine E-Mails an. Bitte prüfen Sie die Schreibweise; richtig sind: {records}.",
    ),
    "target_dangling": (
        "An MX record of {domain} names a host in a domain that nobody has registered ({targets}): whoever registers "
        "it receives the mail. Please delete it at once; the right records are: {records}.",
        "Ein MX-Eintrag von {domain} nennt einen Host in einer Domain, die niemandem gehört ({targets}): Wer sie "
        "registriert, bekommt die E-Mails. Bitte löschen Sie ihn sofort; richtig sind: {records}.",
    ),
    "localhost": (
        "An MX record of {domain} names the sender's own machine ({foreign}): mail does not leave it. "
        "Please set: {records}.",
        "Ein MX-Eintrag von {domain} nennt den Rechner des Absenders selbst ({foreign}): Dort bleiben E-Mails liegen. "
        "Bitte setzen Sie: {records}.",
    ),
    "foreign": (
        "{domain} has MX records, but none of them points to us ({seen}). Please replace them with: {records}.",
        "Es gibt MX-Einträge für {domain}, aber keiner zeigt auf uns ({seen}). "
        "Bitte ersetzen Sie sie durch: {records}.",
    ),
    "foreign_preferred": (
        "Besides ours, {domain} has MX records of others that are tried first ({foreign}): mail does not reach us. "
        "Please delete them, so that only these remain: {records}.",
        "Neben unseren hat {domain} fremde MX-Einträge, die zuerst versucht werden ({foreign}): "
        "E-Mails erreichen uns so nicht. Bitte löschen Sie die fremden, so dass nur diese bleiben: {records}.",
    ),
    "mixed": (
        "Besides ours, {domain} has MX records of others ({foreign}): some mail may go there. "
        "Please delete them, so that only these remain: {records}.",
        "Neben unseren hat {domain} fremde MX-Einträge ({foreign}): Ein Teil der E-Mails kann dorthin gehen. "
        "Bitte löschen Sie die fremden, so dass nur diese bleiben: {records}.",
    ),
    "incomplete": (
        "Some of our MX records are missing for {domain}: {missing}. "
        "Please add them; complete it looks like this: {records}.",
        "Für {domain} fehlen noch MX-Einträge: {missing}. "
        "Bitte ergänzen Sie sie; vollständig sieht es so aus: {records}.",
    ),
    "wrong_order": (
        "The MX records of {domain} point to us, but not in the right order ({seen}). "
        "Please set the preferences so: {records}.",
        "Die MX-Einträge von {domain} zeigen auf uns, aber nicht in der richtigen Reihenfolge ({seen}). "
        "Bitte setzen Sie die Prioritäten so: {records}.",
    ),
    "inconsistent": (
        "The name servers of {domain} give different MX records ({seen}). After a change this settles by itself; "
        "in the end all should have: {records}.",
        "Die Nameserver von {domain} nennen verschiedene MX-Einträge ({seen}). "
        "Nach einer Änderung gleicht sich das von selbst an; am Ende sollen alle haben: {records}.",
    ),
    "null": (
        "The MX record of {domain} says that it receives no mail at all (null MX). Please replace it with: {records}.",
        "Der MX-Eintrag von {domain} sagt, dass sie gar keine E-Mails empfängt (Null-MX). "
        "Bitte ersetzen Sie ihn durch: {records}.",
    ),
    "null_and_others": (
        'Beside other MX records {domain} has an empty one (null MX, "."), which says "no mail". '
        "Please delete it, so that only these remain: {records}.",
        "Neben anderen MX-Einträgen hat {domain} einen leeren (Null-MX, „.“), der „keine E-Mails“ bedeutet. "
        "Bitte löschen Sie ihn, so dass nur diese bleiben: {records}.",
    ),
    "ip_address": (
        "An MX record of {domain} names an IP address ({foreign}); only host names work there. Please set: {records}.",
        "Ein MX-Eintrag von {domain} nennt eine IP-Adresse ({foreign}); dort sind nur Hostnamen möglich. "
        "Bitte setzen Sie: {records}.",
    ),
    "name_doubled": (
        "Your provider appended the domain to the host name ({foreign}). "
        "Please enter the host names with a dot at the end: {records_dotted}",
        "Ihr Anbieter hat die Domain an den Hostnamen angehängt ({foreign}). "
        "Bitte tragen Sie die Hostnamen mit einem Punkt am Ende ein: {records_dotted}",
    ),
    "apex_alias": (
        "{domain} itself is an alias (CNAME {alias}), so it cannot have MX records. "
        "Please replace the CNAME with A or AAAA records and add: {records}.",
        "{domain} selbst ist ein Alias (CNAME {alias}) und kann daher keine MX-Einträge haben. "
        "Bitte ersetzen Sie den CNAME durch A- oder AAAA-Einträge und legen Sie an: {records}.",
    ),
}
