"""The sentences of advice on transport, host names and the zone itself, and their states. Only the words."""

from __future__ import annotations

from typing import Literal

from contracts.dnscheck_v1 import AdviceState

HostCode = Literal[
    "mta_sts_ok", "mta_sts_missing", "mta_sts_two_records", "mta_sts_syntax", "mta_sts_other_id",
    "tls_rpt_ok", "tls_rpt_missing", "tls_rpt_two_records", "tls_rpt_syntax",
    "host_ok", "host_missing", "host_elsewhere", "host_broken",
    "srv_ok", "srv_missing", "srv_elsewhere", "srv_other_port", "srv_denied", "srv_mixed",
    "dane_ok", "dane_no_mail_servers", "dane_unsigned", "dane_missing", "dane_domain_unsigned",
    "caa_ok", "caa_open", "caa_forbids",
    "name_servers_ok", "name_server_single", "name_servers_near",
]  # fmt: skip

HOST_TEXTS: dict[HostCode, tuple[str, str]] = {
    "mta_sts_ok": (
        "MTA-STS is announced for {domain}. (Whether the policy itself can be fetched is not checked here.)",
        "MTA-STS ist für {domain} angekündigt. (Ob sich die Richtlinie selbst abrufen lässt, wird hier nicht geprüft.)",
    ),
    "mta_sts_missing": (
        "MTA-STS is not announced for {domain}, so senders may deliver without encryption. Please add a TXT record "
        'named {name} with the value "{value}".',
        "MTA-STS ist für {domain} nicht angekündigt; Absender dürfen daher unverschlüsselt zustellen. Bitte legen Sie "
        "einen TXT-Eintrag mit dem Namen {name} und dem Wert „{value}“ an.",
    ),
    "mta_sts_two_records": (
        'At {name} there are {count} records; senders then ignore all of them. Please keep only "{value}".',
        "Unter {name} gibt es {count} Einträge; Absender beachten dann keinen davon. Bitte behalten Sie nur „{value}“.",
    ),
    "mta_sts_syntax": (
        'What is at {name} does not announce MTA-STS. Please replace it with the value "{value}".',
        "Was unter {name} steht, kündigt MTA-STS nicht an. Bitte ersetzen Sie es durch den Wert „{value}“.",
    ),
    "mta_sts_other_id": (
        "At {name} there is another id than that of our present policy, so senders do not learn of its changes. "
        'Please change the value to "{value}".',
        "Unter {name} steht eine andere Kennung als die unserer aktuellen Richtlinie; Absender erfahren so nicht von "
        "Änderungen. Bitte ändern Sie den Wert auf „{value}“.",
    ),
    "tls_rpt_ok": (
        "Reports about failed encryption are asked for at {name}.",
        "Berichte über misslungene Verschlüsselung sind unter {name} angefordert.",
    ),
    "tls_rpt_missing": (
        "Nobody is asked to report failed encryption of mail to {domain}. Please add a TXT record named {name} with "
        'the value "{value}".',
        "Niemand wird um Berichte über misslungene Verschlüsselung von E-Mails an {domain} gebeten. Bitte legen Sie "
        "einen TXT-Eintrag mit dem Namen {name} und dem Wert „{value}“ an.",
    ),
    "tls_rpt_two_records": (
        "At {name} there are {count} records; senders then ignore all of them. Please keep only one, such as "
        '"{value}".',
        "Unter {name} gibt es {count} Einträge; Absender beachten dann keinen davon. Bitte behalten Sie nur einen, "
        "etwa „{value}“.",
    ),
    "tls_rpt_syntax": (
        'What is at {name} is no request for reports. Please replace it with the value "{value}".',
        "Was unter {name} steht, fordert keine Berichte an. Bitte ersetzen Sie es durch den Wert „{value}“.",
    ),
    "host_ok": (
        "{name} leads to us.",
        "{name} führt zu uns.",
    ),
    "host_missing": (
        "{name} does not exist. Please create it as an alias: CNAME {target}.",
        "{name} gibt es nicht. Bitte legen Sie es als Alias an: CNAME {target}.",
    ),
    "host_elsewhere": (
        "{name} leads elsewhere ({first}). Please replace what is there with the alias CNAME {target}.",
        "{name} führt anderswohin ({first}). Bitte ersetzen Sie, was dort steht, durch den Alias CNAME {target}.",
    ),
    "host_broken": (
        "{name} is an alias of a name that does not exist ({first}). Please replace it with: CNAME {target}.",
        "{name} ist ein Alias für einen Namen, den es nicht gibt ({first}). Bitte ersetzen Sie ihn durch: CNAME "
        "{target}.",
    ),
    "srv_ok": (
        "Mail programs find our server at {name}.",
        "E-Mail-Programme finden unter {name} unseren Server.",
    ),
    "srv_missing": (
        "There is no record at {name} that tells mail programs our server. Please create there: SRV {wanted}.",
        "Unter {name} fehlt der Eintrag, der E-Mail-Programmen unseren Server nennt. Bitte legen Sie dort an: SRV "
        "{wanted}.",
    ),
    "srv_elsewhere": (
        "At {name} mail programs are sent to another server ({first}). Please replace it with: SRV {wanted}.",
        "Unter {name} werden E-Mail-Programme an einen anderen Server verwiesen ({first}). Bitte ersetzen Sie ihn "
        "durch: SRV {wanted}.",
    ),
    "srv_other_port": (
        "At {name} there is our server with another port ({first}). Please replace it with: SRV {wanted}.",
        "Unter {name} steht unser Server mit einem anderen Port ({first}). Bitte ersetzen Sie ihn durch: SRV {wanted}.",
    ),
    "srv_denied": (
        'The record at {name} says that {domain} does not offer this service ("."). Please replace it with: SRV '
        "{wanted}.",
        "Der Eintrag unter {name} sagt, dass {domain} diesen Dienst nicht anbietet („.“). Bitte ersetzen Sie ihn "
        "durch: SRV {wanted}.",
    ),
    "srv_mixed": (
        "At {name} there are other servers beside ours ({first}). Please keep only: SRV {wanted}.",
        "Unter {name} stehen neben unserem noch andere Server ({first}). Bitte behalten Sie nur: SRV {wanted}.",
    ),
    "dane_ok": (
        "{name} and {domain} are in signed zones, and the server's key is in the DNS (DANE). (The signatures "
        "themselves are not checked here.)",
        "{name} und {domain} liegen in signierten Zonen, und der Schlüssel des Servers steht im DNS (DANE). (Die "
        "Signaturen selbst werden hier nicht geprüft.)",
    ),
    "dane_no_mail_servers": (
        "{domain} names no mail servers (MX), so there is nothing to say about their keys.",
        "{domain} nennt keine Mailserver (MX); über deren Schlüssel ist daher nichts zu sagen.",
    ),
    "dane_unsigned": (
        "The zone of the mail server {name} is not signed (DNSSEC), so DANE does not apply to it.",
        "Die Zone des Mailservers {name} ist nicht signiert (DNSSEC); DANE kommt für ihn nicht in Frage.",
    ),
    "dane_missing": (
        "The zone of the mail server {name} is signed, but the server's key is not in the DNS (DANE). That is up to "
        "who runs the server; with our servers you need not do anything.",
        "Die Zone des Mailservers {name} ist signiert, aber sein Schlüssel steht nicht im DNS (DANE). Das liegt beim "
        "Betreiber des Servers; bei unseren Servern müssen Sie nichts tun.",
    ),
    "dane_domain_unsigned": (
        "The key of the mail server {name} is in the DNS (DANE), but {domain} itself is not signed, so it protects "
        "only in part. Please ask your DNS provider to switch DNSSEC on for {domain}.",
        "Der Schlüssel des Mailservers {name} steht im DNS (DANE), aber {domain} selbst ist nicht signiert; er schützt "
        "daher nur zum Teil. Bitte lassen Sie Ihren DNS-Anbieter DNSSEC für {domain} einschalten.",
    ),
    "caa_ok": (
        "The certificates that we need for names of {domain} may be issued (CAA).",
        "Die Zertifikate, die wir für Namen von {domain} brauchen, dürfen ausgestellt werden (CAA).",
    ),
    "caa_open": (
        "{domain} does not limit who may issue certificates (CAA); nothing needs to be done.",
        "{domain} schränkt nicht ein, wer Zertifikate ausstellen darf (CAA); es ist nichts zu tun.",
    ),
    "caa_forbids": (
        "{domain} allows certificates only from others ({first}), so we cannot get any for its mail names. Please add "
        "a CAA record for: {wanted}.",
        "{domain} erlaubt Zertifikate nur von anderen ({first}); für ihre Mail-Namen bekommen wir daher keine. Bitte "
        "ergänzen Sie einen CAA-Eintrag für: {wanted}.",
    ),
    "name_servers_ok": (
        "{domain} has several name servers in different networks ({servers}).",
        "{domain} hat mehrere Nameserver in verschiedenen Netzen ({servers}).",
    ),
    "name_server_single": (
        "{domain} has only one name server ({servers}); when it fails, no mail arrives. Please ask your DNS provider "
        "for a second one.",
        "{domain} hat nur einen Nameserver ({servers}); fällt er aus, kommen keine E-Mails an. Bitte lassen Sie bei "
        "Ihrem DNS-Anbieter einen zweiten einrichten.",
    ),
    "name_servers_near": (
        "All name servers of {domain} are in one network ({servers}); when that fails, no mail arrives. Please ask "
        "your DNS provider for one in another network.",
        "Alle Nameserver von {domain} liegen in einem Netz ({servers}); fällt es aus, kommen keine E-Mails an. Bitte "
        "lassen Sie bei Ihrem DNS-Anbieter einen in einem anderen Netz einrichten.",
    ),
}

HOST_STATES: dict[HostCode, AdviceState] = {
    "mta_sts_ok": "ok",
    "mta_sts_missing": "missing",
    "mta_sts_two_records": "wrong",
    "mta_sts_syntax": "wrong",
    "mta_sts_other_id": "weak",
    "tls_rpt_ok": "ok",
    "tls_rpt_missing": "missing",
    "tls_rpt_two_records": "wrong",
    "tls_rpt_syntax": "wrong",
    "host_ok": "ok",
    "host_missing": "missing",
    "host_elsewhere": "wrong",
    "host_broken": "wrong",
    "srv_ok": "ok",
    "srv_missing": "missing",
    "srv_elsewhere": "wrong",
    "srv_other_port": "wrong",
    "srv_denied": "wrong",
    "srv_mixed": "weak",
    "dane_ok": "ok",
    "dane_no_mail_servers": "not_applicable",
    "dane_unsigned": "not_applicable",
    "dane_missing": "missing",
    "dane_domain_unsigned": "weak",
    "caa_ok": "ok",
    "caa_open": "ok",
    "caa_forbids": "wrong",
    "name_servers_ok": "ok",
    "name_server_single": "weak",
    "name_servers_near": "weak",
}
