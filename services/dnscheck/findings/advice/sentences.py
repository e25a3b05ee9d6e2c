"""The sentence of every piece of advice in both languages, and the state it stands for. Only the words."""

from __future__ import annotations

from typing import Literal

from contracts.dnscheck_v1 import AdviceState
from services.dnscheck.findings.advice.sentences_hosts import HOST_STATES, HOST_TEXTS, HostCode
from services.dnscheck.findings.sentences import Trouble

SpfCode = Literal[
    "spf_ok", "spf_missing", "spf_type99", "spf_elsewhere", "spf_two_records", "spf_syntax", "spf_include_missing",
    "spf_include_idle", "spf_no_room", "spf_too_many_lookups", "spf_void_lookups", "spf_include_broken",
    "spf_include_loop", "spf_ours_broken", "spf_pass_all", "spf_neutral_all", "spf_ptr",
]  # fmt: skip
DkimCode = Literal[
    "dkim_ok", "dkim_missing", "dkim_elsewhere", "dkim_other_alias", "dkim_key_to_come", "dkim_copied",
    "dkim_other_key", "dkim_key_truncated", "dkim_two_records", "dkim_syntax", "dkim_revoked", "dkim_testing",
]  # fmt: skip
DmarcCode = Literal[
    "dmarc_ok", "dmarc_missing", "dmarc_elsewhere", "dmarc_inherited", "dmarc_two_records", "dmarc_syntax",
    "dmarc_policy_missing", "dmarc_policy_none", "dmarc_subdomains_open", "dmarc_no_reports", "dmarc_reports_refused",
]  # fmt: skip
AdviceCode = SpfCode | DkimCode | DmarcCode | HostCode | Trouble | Literal["domain_not_registered"]

_SPF_TEXTS: dict[SpfCode, tuple[str, str]] = {
    "spf_ok": (
        "The SPF record of {domain} allows us to send; it takes {count} of at most 10 DNS look-ups.",
        "Der SPF-Eintrag von {domain} erlaubt uns den Versand; er braucht {count} von höchstens 10 DNS-Abfragen.",
    ),
    "spf_missing": (
        "{domain} has no SPF record, so others can send mail in its name. Please add a TXT record at {domain} itself "
        'with the value "{value}".',
        "{domain} hat keinen SPF-Eintrag; andere können in ihrem Namen E-Mails versenden. Bitte legen Sie direkt bei "
        "{domain} einen TXT-Eintrag mit dem Wert „{value}“ an.",
    ),
    "spf_type99": (
        "{domain} has its SPF record only as a record of the type SPF, which nobody reads. Please add a TXT record at "
        '{domain} itself with the value "{value}".',
        "{domain} hat seinen SPF-Eintrag nur als Eintrag vom Typ SPF, den niemand liest. Bitte legen Sie direkt bei "
        "{domain} einen TXT-Eintrag mit dem Wert „{value}“ an.",
    ),
    "spf_elsewhere": (
        "The SPF record is at {first}, but it belongs to {domain} itself. Please create it there as a TXT record with "
        'the value "{value}".',
        "Der SPF-Eintrag liegt unter {first}, gehört aber direkt zu {domain}. Bitte legen Sie ihn dort als "
        "TXT-Eintrag mit dem Wert „{value}“ an.",
    ),
    "spf_two_records": (
        "{domain} has {count} SPF records; receivers then ignore all of them. Please keep only one, with the value "
        '"{value}".',
        "{domain} hat {count} SPF-Einträge; Empfänger beachten dann keinen davon. Bitte behalten Sie nur einen, mit "
        "dem Wert „{value}“.",
    ),
    "spf_syntax": (
        'The SPF record of {domain} has a mistake at "{part}"; receivers then ignore the whole record. Please correct '
        'it; without that part it is "{value}".',
        "Der SPF-Eintrag von {domain} hat einen Fehler bei „{part}“; Empfänger beachten ihn dann gar nicht. Bitte "
        "berichtigen Sie ihn; ohne diesen Teil lautet er „{value}“.",
    ),
    "spf_include_missing": (
        'The SPF record of {domain} does not allow us to send. Please change its value to "{value}".',
        "Der SPF-Eintrag von {domain} erlaubt uns den Versand nicht. Bitte ändern Sie seinen Wert auf „{value}“.",
    ),
    "spf_include_idle": (
        'The SPF record of {domain} names us ("{part}"), but not so that it allows us to send. Please change its '
        'value to "{value}".',
        "Der SPF-Eintrag von {domain} nennt uns („{part}“), erlaubt uns so aber den Versand nicht. Bitte ändern Sie "
        "seinen Wert auf „{value}“.",
    ),
    "spf_no_room": (
        "Together with ours, the SPF record of {domain} would take {count} DNS look-ups; receivers allow 10. Please "
        "remove what you no longer send mail with.",
        "Zusammen mit unserem braucht der SPF-Eintrag von {domain} {count} DNS-Abfragen; Empfänger erlauben 10. Bitte "
        "entfernen Sie, worüber Sie keine E-Mails mehr versenden.",
    ),
    "spf_too_many_lookups": (
        "The SPF record of {domain} takes {count} DNS look-ups; receivers allow 10 and treat more as an error. Please "
        "remove what you no longer send mail with.",
        "Der SPF-Eintrag von {domain} braucht {count} DNS-Abfragen; Empfänger erlauben 10 und werten mehr als Fehler. "
        "Bitte entfernen Sie, worüber Sie keine E-Mails mehr versenden.",
    ),
    "spf_void_lookups": (
        "The SPF record of {domain} names {count} hosts that do not exist or have no address; receivers allow 2. "
        "Please remove them.",
        "Der SPF-Eintrag von {domain} nennt {count} Hosts, die es nicht gibt oder die keine Adresse haben; Empfänger "
        "erlauben 2. Bitte entfernen Sie diese.",
    ),
    "spf_include_broken": (
        'The SPF record of {domain} includes "{part}", where there is not exactly one SPF record; receivers treat '
        "that as an error. Please remove that part, or ask who runs it.",
        "Der SPF-Eintrag von {domain} schließt „{part}“ ein, wo es nicht genau einen SPF-Eintrag gibt; Empfänger "
        "werten das als Fehler. Bitte entfernen Sie diesen Teil, oder fragen Sie den Betreiber.",
    ),
    "spf_include_loop": (
        'The SPF record of {domain} leads in circles by way of "{part}"; receivers treat that as an error. Please '
        "remove that part.",
        "Der SPF-Eintrag von {domain} führt über „{part}“ im Kreis; Empfänger werten das als Fehler. Bitte entfernen "
        "Sie diesen Teil.",
    ),
    "spf_ours_broken": (
        'Our own SPF record at "{part}" is not right at the moment. That is up to us; you need not do anything.',
        "Unser eigener SPF-Eintrag „{part}“ stimmt gerade nicht. Das liegt an uns; Sie müssen nichts tun.",
    ),
    "spf_pass_all": (
        'The SPF record of {domain} ends with "{part}" and so allows everybody to send in its name. Please change its '
        'value to "{value}".',
        "Der SPF-Eintrag von {domain} endet mit „{part}“ und erlaubt damit jedem den Versand in ihrem Namen. Bitte "
        "ändern Sie seinen Wert auf „{value}“.",
    ),
    "spf_neutral_all": (
        "The SPF record of {domain} does not say what shall happen to mail from elsewhere, so it protects little. "
        'Please change its value to "{value}".',
        "Der SPF-Eintrag von {domain} sagt nicht, was mit E-Mails von anderswo geschehen soll, und schützt daher "
        "wenig. Bitte ändern Sie seinen Wert auf „{value}“.",
    ),
    "spf_ptr": (
        'The SPF record of {domain} uses "ptr", which is slow and which many receivers skip. Please name what you '
        'send with by address or include; without "ptr" the value is "{value}".',
        "Der SPF-Eintrag von {domain} verwendet „ptr“, was langsam ist und von vielen Empfängern übergangen wird. "
        "Bitte nennen Sie, worüber Sie versenden, mit Adresse oder include; ohne „ptr“ lautet der Wert „{value}“.",
    ),
}
_DKIM_TEXTS: dict[DkimCode, tuple[str, str]] = {
    "dkim_ok": (
        "Our DKIM key is at {name}.",
        "Unser DKIM-Schlüssel ist unter {name} vorhanden.",
    ),
    "dkim_missing": (
        "There is no DKIM record at {name}. Please create there: {wanted}.",
        "Unter {name} gibt es keinen DKIM-Eintrag. Bitte legen Sie dort an: {wanted}.",
    ),
    "dkim_elsewhere": (
        "The DKIM record is at {first}, but {name} is needed; some providers append the domain by themselves. Please "
        "create there: {wanted}.",
        "Der DKIM-Eintrag liegt unter {first}, gebraucht wird {name}; manche Anbieter hängen die Domain selbst an. "
        "Bitte legen Sie dort an: {wanted}.",
    ),
    "dkim_other_alias": (
        "{name} is an alias of another name than ours ({first}). Please replace it with: {wanted}.",
        "{name} ist ein Alias für einen anderen Namen als unseren ({first}). Bitte ersetzen Sie ihn durch: {wanted}.",
    ),
    "dkim_key_to_come": (
        "The alias at {name} is right, but the key behind it is not there yet. That is up to us; you need not do "
        "anything.",
        "Der Alias unter {name} stimmt, aber der Schlüssel dahinter fehlt noch. Das liegt an uns; Sie müssen nichts "
        "tun.",
    ),
    "dkim_copied": (
        "At {name} there is a copy of our DKIM key; it works only until we change the key. Please replace it with: "
        "{wanted}.",
        "Unter {name} steht eine Kopie unseres DKIM-Schlüssels; sie gilt nur, bis wir den Schlüssel wechseln. Bitte "
        "ersetzen Sie sie durch: {wanted}.",
    ),
    "dkim_other_key": (
        "At {name} there is another DKIM key than ours. Please replace it with: {wanted}.",
        "Unter {name} steht ein anderer DKIM-Schlüssel als unserer. Bitte ersetzen Sie ihn durch: {wanted}.",
    ),
    "dkim_key_truncated": (
        "The DKIM key at {name} is cut off; long values must be entered as several quoted strings. Please set: "
        "{wanted}.",
        "Der DKIM-Schlüssel unter {name} ist abgeschnitten; lange Werte gehören in mehrere Zeichenketten in "
        "Anführungszeichen. Bitte setzen Sie: {wanted}.",
    ),
    "dkim_two_records": (
        "At {name} there are several TXT records; receivers cannot tell which is the key. Please keep only: {wanted}.",
        "Unter {name} gibt es mehrere TXT-Einträge; Empfänger wissen nicht, welcher der Schlüssel ist. Bitte behalten "
        "Sie nur: {wanted}.",
    ),
    "dkim_syntax": (
        'What is at {name} is no DKIM record ("{first}"). Please replace it with: {wanted}.',
        "Unter {name} steht kein DKIM-Eintrag („{first}“). Bitte ersetzen Sie ihn durch: {wanted}.",
    ),
    "dkim_revoked": (
        "The DKIM record at {name} has no key, which means that the key was withdrawn. Please replace it with: "
        "{wanted}.",
        "Der DKIM-Eintrag unter {name} enthält keinen Schlüssel; das bedeutet, dass er zurückgezogen wurde. Bitte "
        "ersetzen Sie ihn durch: {wanted}.",
    ),
    "dkim_testing": (
        'The DKIM record at {name} says that it is only for testing ("t=y"). Please replace it with: {wanted}.',
        "Der DKIM-Eintrag unter {name} sagt, dass er nur zum Test dient („t=y“). Bitte ersetzen Sie ihn durch: "
        "{wanted}.",
    ),
}
_DMARC_TEXTS: dict[DmarcCode, tuple[str, str]] = {
    "dmarc_ok": (
        "The DMARC record of {domain} is right (policy: {policy}).",
        "Der DMARC-Eintrag von {domain} stimmt (Vorgabe: {policy}).",
    ),
    "dmarc_missing": (
        'There is no DMARC record for {domain}. Please add a TXT record named {name} with the value "{value}".',
        "Für {domain} gibt es keinen DMARC-Eintrag. Bitte legen Sie einen TXT-Eintrag mit dem Namen {name} und dem "
        "Wert „{value}“ an.",
    ),
    "dmarc_elsewhere": (
        "There is a DMARC record at {first}, where nobody looks for it; {name} is needed. Please move it there, or "
        'begin with the value "{value}".',
        "Unter {first} liegt ein DMARC-Eintrag, den dort niemand sucht; gebraucht wird {name}. Bitte verschieben Sie "
        "ihn dorthin, oder beginnen Sie mit dem Wert „{value}“.",
    ),
    "dmarc_inherited": (
        "{domain} has no DMARC record of its own; the one at {first} holds for it (policy: {policy}).",
        "{domain} hat keinen eigenen DMARC-Eintrag; es gilt der unter {first} (Vorgabe: {policy}).",
    ),
    "dmarc_two_records": (
        "At {name} there are {count} DMARC records; receivers then ignore all of them. Please keep only one.",
        "Unter {name} gibt es {count} DMARC-Einträge; Empfänger beachten dann keinen davon. Bitte behalten Sie nur "
        "einen.",
    ),
    "dmarc_syntax": (
        'The DMARC record at {name} has a mistake at "{part}". Please correct it; a right value to begin with is '
        '"{value}".',
        "Der DMARC-Eintrag unter {name} hat einen Fehler bei „{part}“. Bitte berichtigen Sie ihn; ein richtiger Wert "
        "für den Anfang ist „{value}“.",
    ),
    "dmarc_policy_missing": (
        'The DMARC record at {name} names no policy; that counts as "p=none". Please add one, such as "p=quarantine".',
        "Der DMARC-Eintrag unter {name} nennt keine Vorgabe; das gilt als „p=none“. Bitte ergänzen Sie eine, etwa "
        "„p=quarantine“.",
    ),
    "dmarc_policy_none": (
        'DMARC only watches mail of {domain} ("p=none"), which has been with us for {days} days. When the reports show '
        'nothing surprising, please change that to "p=quarantine" and later to "p=reject".',
        "DMARC beobachtet E-Mails von {domain} nur („p=none“), und die Domain ist seit {days} Tagen bei uns. Wenn die "
        "Berichte nichts Überraschendes zeigen, stellen Sie bitte auf „p=quarantine“ und später auf „p=reject“ um.",
    ),
    "dmarc_subdomains_open": (
        'The DMARC record of {domain} protects the domain but not names below it ("sp=none"). Please delete that part.',
        "Der DMARC-Eintrag von {domain} schützt die Domain, aber nicht die Namen darunter („sp=none“). Bitte löschen "
        "Sie diesen Teil.",
    ),
    "dmarc_no_reports": (
        "The DMARC record of {domain} names no address for reports, so nobody learns of misuse or mistakes. Please "
        'add one: "rua=mailto:…".',
        "Der DMARC-Eintrag von {domain} nennt keine Adresse für Berichte; so erfährt niemand von Missbrauch oder "
        "Fehlern. Bitte ergänzen Sie eine: „rua=mailto:…“.",
    ),
    "dmarc_reports_refused": (
        "The DMARC record of {domain} sends reports to {first}, which has not said that it takes them. Please choose "
        "another address, or have a TXT record made there: {place} with the value "
        '"v=DMARC1".',
        "Der DMARC-Eintrag von {domain} schickt Berichte an {first}, das deren Annahme nicht erklärt hat. Bitte wählen "
        "Sie eine andere Adresse, oder lassen Sie dort einen TXT-Eintrag anlegen: {place} mit "
        "dem Wert „v=DMARC1“.",
    ),
}
ADVICE_TEXTS: dict[str, tuple[str, str]] = {**_SPF_TEXTS, **_DKIM_TEXTS, **_DMARC_TEXTS, **HOST_TEXTS}

# Codes without a state of their own are troubles: unknown.
ADVICE_STATES: dict[AdviceCode, AdviceState] = {
    "domain_not_registered": "missing",
    "spf_ok": "ok",
    "spf_missing": "missing",
    "spf_type99": "missing",
    "spf_elsewhere": "wrong",
    "spf_two_records": "wrong",
    "spf_syntax": "wrong",
    "spf_include_missing": "wrong",
    "spf_include_idle": "wrong",
    "spf_no_room": "wrong",
    "spf_too_many_lookups": "wrong",
    "spf_void_lookups": "wrong",
    "spf_include_broken": "wrong",
    "spf_include_loop": "wrong",
    "spf_ours_broken": "wrong",
    "spf_pass_all": "wrong",
    "spf_neutral_all": "weak",
    "spf_ptr": "weak",
    "dkim_ok": "ok",
    "dkim_missing": "missing",
    "dkim_elsewhere": "wrong",
    "dkim_other_alias": "wrong",
    "dkim_key_to_come": "wrong",
    "dkim_copied": "weak",
    "dkim_other_key": "wrong",
    "dkim_key_truncated": "wrong",
    "dkim_two_records": "wrong",
    "dkim_syntax": "wrong",
    "dkim_revoked": "wrong",
    "dkim_testing": "weak",
    "dmarc_ok": "ok",
    "dmarc_missing": "missing",
    "dmarc_elsewhere": "wrong",
    "dmarc_inherited": "ok",
    "dmarc_two_records": "wrong",
    "dmarc_syntax": "wrong",
    "dmarc_policy_missing": "weak",
    "dmarc_policy_none": "weak",
    "dmarc_subdomains_open": "weak",
    "dmarc_no_reports": "weak",
    "dmarc_reports_refused": "wrong",
    **HOST_STATES,
}
