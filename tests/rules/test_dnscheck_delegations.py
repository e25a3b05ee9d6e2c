"""What is remembered of the way to a zone, for how long, without a server or a clock."""

import dns.name
from dns.name import Name

from services.dnscheck.asking.delegations import Delegations, ZoneServers
from services.dnscheck.observation import NameServer

HOUR, DAY = 3600.0, 86_400.0


def name(text: str) -> Name:
    return dns.name.from_text(text)


def servers(zone: str, *hosts: str) -> ZoneServers:
    return ZoneServers(name(zone), tuple(NameServer(host, ("192.0.2.1",)) for host in hosts))


def memory(**bounds: int) -> Delegations:
    return Delegations(lambda zone: "." not in zone, **bounds)


def zone_for(known: Delegations, text: str, now: float, not_before: float = 0.0) -> str | None:
    found = known.nearest(name(text), now, not_before)
    return found[1].zone.to_text() if found else None


def test_the_closest_zone_is_found():
    known = memory()
    known.learn_zone(name("de"), servers("de", "a.nic.de"), 0.0, DAY)
    known.learn_zone(name("anbieter.de"), servers("anbieter.de", "ns1.anbieter.de"), 0.0, DAY)
    assert zone_for(known, "ns1.anbieter.de", 1.0) == "anbieter.de."
    assert zone_for(known, "nordwind.de", 1.0) == "de."
    assert zone_for(known, "nordwind.com", 1.0) is None


def test_a_zone_lives_for_its_ttl_and_an_hour_at_most():
    known = memory()
    known.learn_zone(name("kurz.de"), servers("kurz.de"), 0.0, 300)
    known.learn_zone(name("lang.de"), servers("lang.de"), 0.0, 172_800)
    assert zone_for(known, "kurz.de", 299) == "kurz.de."
    assert zone_for(known, "kurz.de", 300) is None
    assert zone_for(known, "lang.de", HOUR - 1) == "lang.de."
    assert zone_for(known, "lang.de", HOUR) is None


def test_a_registry_lives_for_a_day_at_most():
    known = memory()
    known.learn_zone(name("de"), servers("de"), 0.0, 172_800)
    known.learn_zone(name("com"), servers("com"), 0.0, HOUR)
    assert zone_for(known, "nordwind.de", DAY - 1) == "de."
    assert zone_for(known, "nordwind.de", DAY) is None
    assert zone_for(known, "nordwind.com", HOUR) is None


def test_a_look_uses_no_zone_that_is_older_but_registries():
    known = memory()
    known.learn_zone(name("de"), servers("de"), 0.0, DAY)
    known.learn_zone(name("nordwind.de"), servers("nordwind.de"), 5.0, DAY)
    assert zone_for(known, "nordwind.de", 10.0, not_before=10.0) == "de."
    assert zone_for(known, "nordwind.de", 10.0, not_before=5.0) == "nordwind.de."


def test_addresses_live_for_their_ttl_between_thirty_seconds_and_an_hour():
    known = memory()
    server = NameServer("ns1.anbieter.de", ("192.0.2.1",))
    for ttl, life in ((0, 30), (300, 300), (DAY, HOUR)):
        assert known.learn_host(name(server.host), server, 0.0, ttl) == life
        assert known.host(name(server.host), life - 1, 0.0) == (server, 1)
        assert known.host(name(server.host), life, 0.0) is None


def test_an_address_that_was_learned_before_a_time_does_not_count_for_who_asks_after_it():
    known = memory()
    server = NameServer("ns1.anbieter.de", ("192.0.2.1",))
    known.learn_host(name(server.host), server, 0.0, 300)
    assert known.host(name(server.host), 10.0, not_before=9.0) is None
    assert known.host(name(server.host), 10.0, not_before=0.0) is not None


def test_doubt_drops_the_way_below_the_registry_and_leaves_addresses_half_a_minute():
    known = memory()
    server = NameServer("ns1.anbieter.com", ("192.0.2.1",))
    known.learn_zone(name("de"), servers("de", "a.nic.de"), 0.0, DAY)
    known.learn_zone(name("nordwind.de"), servers("nordwind.de", server.host), 0.0, DAY)
    known.learn_host(name(server.host), server, 0.0, HOUR)
    known.doubt(name("mail.nordwind.de"))
    assert zone_for(known, "nordwind.de", 1.0) == "de."
    assert known.host(name(server.host), 29.0, 0.0) is not None
    assert known.host(name(server.host), 30.0, 0.0) is None


def test_memory_is_bounded_and_keeps_what_was_used_last():
    known = memory(max_zones=100, max_hosts=100)
    known.learn_zone(name("de"), servers("de"), 0.0, DAY)
    for number in range(1000):
        known.learn_zone(name(f"z{number}.de"), servers(f"z{number}.de"), 0.0, DAY)
        known.learn_host(name(f"ns{number}.de"), NameServer(f"ns{number}.de"), 0.0, DAY)
        assert zone_for(known, "nordwind.de", 1.0) == "de."
    assert len(known) == 200
    assert zone_for(known, "z999.de", 1.0) == "z999.de."
    assert zone_for(known, "z1.de", 1.0) == "de."
