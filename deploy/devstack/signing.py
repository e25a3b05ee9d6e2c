"""DNSSEC for demo zones: one ECDSA P-256 key each, signatures made when asked for, NSEC for what is not there.

Needs `cryptography`, which comes with the `dev` extra: nothing imports this module before a zone is signed.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from typing import Literal

import dns.dnssec
import dns.dnssectypes
import dns.rdataclass
import dns.rdataset
import dns.rdatatype
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from dns.name import Name
from dns.rdataset import Rdataset
from dns.rdatatype import RdataType
from dns.rdtypes.ANY.DNSKEY import DNSKEY
from dns.rdtypes.ANY.DS import DS
from dns.rdtypes.ANY.NSEC import NSEC, Bitmap
from dns.rdtypes.ANY.RRSIG import RRSIG

from deploy.devstack.zones import DemoZone

# How a signed zone may be broken: the parent's DS is of another key; all signatures ran out a week ago; only the key is
# signed. (Signatures that do not fit are a fault on the wire: `faults.py`.)
Broken = Literal["ds_mismatch", "expired", "missing"]

DAY_SECONDS = 86_400
CSK_FLAGS = 257  # zone key and secure entry point (RFC 4034 2.1.1)


class ZoneKey:
    """A zone's only key; it signs keys and records alike."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self.private = private
        self.dnskey: DNSKEY = dns.dnssec.make_dnskey(
            private.public_key(), dns.dnssectypes.Algorithm.ECDSAP256SHA256, flags=CSK_FLAGS
        )

    @classmethod
    def create(cls) -> ZoneKey:
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes) -> ZoneKey:
        private = serialization.load_pem_private_key(pem, password=None)
        assert isinstance(private, ec.EllipticCurvePrivateKey), "demo keys are ECDSA keys"
        return cls(private)

    def to_pem(self) -> bytes:
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def ds(self, zone: Name) -> DS:
        """The record that vouches for this key in the parent zone."""
        return dns.dnssec.make_ds(zone, self.dnskey, dns.dnssectypes.DSDigest.SHA256)


class Signer:
    """Signs what one zone holds. Signatures and the NSEC chain are kept until the zone changes."""

    def __init__(self, zone: DemoZone, key: ZoneKey, broken: Broken | None = None) -> None:
        self.key = key
        self.broken: Broken | None = broken
        self._zone = zone
        self._version = -1
        self._signatures: dict[tuple[Name, RdataType], RRSIG] = {}
        self._chain: list[Name] = []

    def for_zone(self, zone: DemoZone) -> Signer:
        """A signer with the same key for a copy of the zone."""
        return Signer(zone, self.key, self.broken)

    def rrsig(self, owner: Name, rdataset: Rdataset) -> RRSIG | None:
        """The signature of a set that stands at `owner`, a wildcard's under the wildcard's own name."""
        if self.broken == "missing" and rdataset.rdtype != dns.rdatatype.DNSKEY:
            return None
        self._follow()
        key = (owner, rdataset.rdtype)
        if key not in self._signatures:
            self._signatures[key] = self._sign(owner, rdataset)
        return self._signatures[key]

    def nsec(self, name: Name) -> tuple[Name, Rdataset]:
        """The NSEC at `name`, or the one that spans it, with its owner."""
        self._follow()
        place = bisect_right(self._chain, name) - 1
        owner, following = self._chain[place], self._chain[(place + 1) % len(self._chain)]
        rdtypes = [rdtype for rdtype in self._zone.types_at(owner) if self._is_told(owner, rdtype)]
        bitmap = Bitmap.from_rdtypes([*rdtypes, dns.rdatatype.RRSIG, dns.rdatatype.NSEC])
        record = NSEC(dns.rdataclass.IN, dns.rdatatype.NSEC, following, bitmap)
        return owner, dns.rdataset.from_rdata(self._negative_ttl(), record)

    def _follow(self) -> None:
        """Start anew when the zone has changed."""
        if self._version == self._zone.version:
            return
        self._version = self._zone.version
        self._signatures.clear()
        cuts = {name for name in self._zone.names() if name != self._zone.origin and self._is_cut(name)}
        self._chain = sorted(name for name in self._zone.names() if not self._is_below(name, cuts))

    def _is_cut(self, name: Name) -> bool:
        return self._zone.get(name, dns.rdatatype.NS) is not None

    def _is_below(self, name: Name, cuts: set[Name]) -> bool:
        """Whether `name` is glue: below a delegation nothing is this zone's own."""
        while name != self._zone.origin:
            name = name.parent()
            if name in cuts:
                return True
        return False

    def _is_told(self, owner: Name, rdtype: RdataType) -> bool:
        """Of a delegation's own name the parent vouches for NS and DS only (RFC 4035 2.3)."""
        is_cut = owner != self._zone.origin and self._is_cut(owner)
        return not is_cut or rdtype in (dns.rdatatype.NS, dns.rdatatype.DS)

    def _negative_ttl(self) -> int:
        soa = self._zone.node(self._zone.origin)[dns.rdatatype.SOA]
        return min(soa.ttl, next(iter(soa)).minimum)  # RFC 9077

    def _sign(self, owner: Name, rdataset: Rdataset) -> RRSIG:
        ends_at = int(time.time()) + (-7 * DAY_SECONDS if self.broken == "expired" else 7 * DAY_SECONDS)
        return dns.dnssec.sign(
            (owner, rdataset),
            self.key.private,
            self._zone.origin,
            self.key.dnskey,
            inception=ends_at - 14 * DAY_SECONDS,
            expiration=ends_at,
        )
