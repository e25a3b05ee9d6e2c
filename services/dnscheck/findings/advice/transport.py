"""What a domain says about encrypted delivery: MTA-STS (RFC 8461) and reports of it (RFC 8460), DANE (RFC 7672). Pure.

The MTA-STS policy itself is a web page and dnscheck fetches none; whether its host leads to us is what the DNS can say.
"""

from __future__ import annotations

import re

from services.dnscheck.findings.advice.hosts import judge_host
from services.dnscheck.findings.advice.sentences import AdviceCode
from services.dnscheck.findings.advice.verdict import Verdict, silence, whole
from services.dnscheck.findings.evidence import bounded
from services.dnscheck.observation import Look, MailObservation
from services.dnscheck.records import ExpectedMail, opens_with, tags_of, txt_line

_POLICY_ID = re.compile(r"[A-Za-z0-9]{1,32}")


def judge_mta_sts(observation: MailObservation, expected: ExpectedMail) -> tuple[Verdict, ...]:
    """Judge the announcement of a policy and the host that serves it."""
    if not (expected.mta_sts_id and expected.mta_sts_host):
        return ()
    name = f"_mta-sts.{observation.domain}"
    value = f"v=STSv1; id={expected.mta_sts_id}"
    look = observation.look(name, "TXT")
    if look is None or look.is_silent:
        announced = silence("mta_sts", name, look, observation)
    else:
        records = [one for one in look.values if opens_with(one, "STSv1")]
        code = _mta_sts_code(look, records, expected.mta_sts_id)
        lines = () if code == "mta_sts_ok" else (txt_line(name, value),)
        words = {"value": whole(value), "count": str(len(records))}
        announced = Verdict("mta_sts", code, name, words, bounded(records or look.values), lines)
    return announced, judge_host(observation, "mta_sts", f"mta-sts.{observation.domain}", expected.mta_sts_host)


def judge_tls_rpt(observation: MailObservation, expected: ExpectedMail) -> tuple[Verdict, ...]:
    """Judge the record that asks for reports of failed encryption; who gets them is the customer's choice."""
    if not expected.tls_rpt:
        return ()
    name = f"_smtp._tls.{observation.domain}"
    look = observation.look(name, "TXT")
    if look is None or look.is_silent:
        return (silence("tls_rpt", name, look, observation),)
    records = [one for one in look.values if opens_with(one, "TLSRPTv1")]
    code = _tls_rpt_code(look, records)
    lines = () if code == "tls_rpt_ok" else (txt_line(name, expected.tls_rpt),)
    words = {"value": whole(expected.tls_rpt), "count": str(len(records))}
    return (Verdict("tls_rpt", code, name, words, bounded(records or look.values), lines),)


def judge_dane(observation: MailObservation) -> tuple[Verdict, ...]:
    """Judge the keys of the domain's mail servers in the DNS, as far as zones are signed.

    Signed means that the parent has DS records; whether the signatures are valid takes a validating resolver.
    """
    domain = observation.domain
    look = observation.look(domain, "MX")
    if look is None or look.is_silent:
        return (silence("dane", domain, look, observation),)
    keys = [one for one in observation.looks if one.rdtype == "TLSA"]
    if not keys:
        return (Verdict("dane", "dane_no_mail_servers", domain),)
    return tuple(_judge_keys(observation, key) for key in keys)


def _mta_sts_code(look: Look, records: list[str], policy_id: str) -> AdviceCode:
    if not records:
        return "mta_sts_syntax" if look.values else "mta_sts_missing"
    if len(records) > 1:
        return "mta_sts_two_records"
    found = tags_of(records[0]).get("id", "")
    if _POLICY_ID.fullmatch(found) is None:
        return "mta_sts_syntax"
    return "mta_sts_ok" if found == policy_id else "mta_sts_other_id"


def _tls_rpt_code(look: Look, records: list[str]) -> AdviceCode:
    if not records:
        return "tls_rpt_syntax" if look.values else "tls_rpt_missing"
    if len(records) > 1:
        return "tls_rpt_two_records"
    targets = [uri.strip().lower() for uri in tags_of(records[0]).get("rua", "").split(",")]
    return "tls_rpt_ok" if all(uri.startswith(("mailto:", "https:")) for uri in targets) else "tls_rpt_syntax"


def _judge_keys(observation: MailObservation, keys: Look) -> Verdict:
    host = keys.name.removeprefix("_25._tcp.")
    if keys.is_silent:
        return silence("dane", host, keys, observation)
    if keys.delegation.state != "found":
        return Verdict("dane", "dane_unsigned", host)
    signed = [observation.look(zone, "DS") for zone in (keys.delegation.zone, observation.delegation.zone)]
    silent = next((look for look in signed if look is None or look.is_silent), None)
    if silent is not None or None in signed:
        return silence("dane", host, silent, observation)
    is_host_signed, is_domain_signed = (bool(look and look.values) for look in signed)
    code: AdviceCode = "dane_ok" if is_domain_signed else "dane_domain_unsigned"
    if not is_host_signed:
        code = "dane_unsigned"
    elif not keys.values:
        code = "dane_missing"
    return Verdict("dane", code, host, {}, bounded(keys.values))
