"""Which names nobody can claim (R18). The public suffix list comes with its package and is read once."""

from functools import lru_cache

from publicsuffixlist import PublicSuffixList

from contracts.refusals import Refusal, refuse

# RFC 6761 and its registry, RFC 7686 (onion), RFC 8375 (home.arpa), RFC 9476 (alt), ICANN's internal.
SPECIAL_TOP_LEVELS = frozenset({"alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test"})
SPECIAL_DOMAINS = frozenset({"example.com", "example.net", "example.org"})


MAX_NAME_LENGTH = 253  # RFC 1035, section 2.3.4, without the root's dot


def unclaimable(domain: str, challenge_label: str) -> Refusal | None:
    """Say why a name can be nobody's domain, or None. `domain` is in A-labels; its record's name must fit too."""
    labels = domain.split(".")
    if len(challenge_label) + 1 + len(domain) > MAX_NAME_LENGTH:
        return refuse("domain_too_long", domain=domain, limit=MAX_NAME_LENGTH - 1 - len(challenge_label))
    if labels[-1] in SPECIAL_TOP_LEVELS or ".".join(labels[-2:]) in SPECIAL_DOMAINS:
        return refuse("domain_is_special_use", domain=domain)
    suffixes = _icann_suffixes()
    if suffixes.publicsuffix(domain) is None:
        return refuse("top_level_domain_unknown", domain=domain, top_level_domain=labels[-1])
    if suffixes.privatesuffix(domain) is None:
        return refuse("domain_is_public_suffix", domain=domain)
    return None


def label_in_zone(name: str, domain: str) -> str:
    """Return a record's name as most registrars' forms want it: relative to the name that was registered."""
    return name.removesuffix(f".{registered_name(domain)}")


def registered_name(domain: str) -> str:
    """Return the part of a domain that is registered: one label more than the public suffix."""
    return _icann_suffixes().privatesuffix(domain) or domain


@lru_cache(maxsize=1)
def _icann_suffixes() -> PublicSuffixList:
    # ICANN's part only: names under github.io and the like can be proven by whoever controls them.
    return PublicSuffixList(only_icann=True, accept_unknown=False)
