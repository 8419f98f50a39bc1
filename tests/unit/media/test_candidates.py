"""Which addresses peers are told, in which order."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfu.media.candidates import MOST, InterfaceAddresses, host_candidates, interface_addresses

LAN = ["127.0.0.1", "::1", "10.1.2.3", "fe80::1%eth0", "2001:db8::7", "192.168.7.1", "169.254.3.4"]
GLOBAL = ["10.1.2.3", "2001:db8::7", "192.168.7.1"]


def addresses(**arguments) -> list[str]:
    return [candidate.address for candidate in host_candidates(4000, interfaces=LAN, **arguments)]


@pytest.mark.parametrize(
    ("reached_at", "expected"),
    [
        (None, GLOBAL),
        ("192.168.7.1", ["192.168.7.1", "10.1.2.3", "2001:db8::7"]),
        ("2001:db8::7", ["2001:db8::7", "10.1.2.3", "192.168.7.1"]),
        ("127.0.0.1", ["127.0.0.1", *GLOBAL]),
        ("::1", ["::1", *GLOBAL]),
        ("::ffff:192.168.7.1", ["192.168.7.1", "10.1.2.3", "2001:db8::7"]),
        ("::ffff:127.0.0.1", ["127.0.0.1", *GLOBAL]),
        ("fe80::1%eth0", GLOBAL),
        ("169.254.3.4", ["169.254.3.4", *GLOBAL]),
        ("203.0.113.9", ["203.0.113.9", *GLOBAL]),
        ("no address", GLOBAL),
        ("", GLOBAL),
    ],
)
def test_the_address_that_worked_leads(reached_at: str | None, expected: list[str]) -> None:
    assert addresses(reached_at=reached_at) == expected


def test_public_addresses_lead_and_are_not_repeated() -> None:
    assert addresses(public=["198.51.100.4", "2001:db8::7"], reached_at="10.1.2.3") == [
        "198.51.100.4",
        "2001:db8::7",
        "10.1.2.3",
        "192.168.7.1",
    ]


def test_a_local_browser_gets_loopback_before_the_public_address() -> None:
    assert addresses(public=["198.51.100.4"], reached_at="127.0.0.1")[0] == "127.0.0.1"


def test_only_bound_addresses_are_offered() -> None:
    assert addresses(bound_to=["192.168.7.1"], reached_at="10.1.2.3") == ["192.168.7.1"]
    assert addresses(bound_to=["127.0.0.1"], reached_at="127.0.0.1") == ["127.0.0.1"]


def test_a_port_of_its_own_is_named() -> None:
    assert {candidate.port for candidate in host_candidates(4000, interfaces=LAN)} == {4000}


def test_priorities_are_those_of_host_candidates() -> None:
    """RFC 8445 §5.1.2.1: 2^24 * 126 + 2^8 * local preference + 256 - component."""
    first, *others = host_candidates(4000, interfaces=LAN)
    assert first.priority == 126 * 2**24 + 65535 * 2**8 + 255
    assert all(candidate.priority >> 24 == 126 and candidate.priority & 255 == 255 for candidate in others)


@given(st.lists(st.ip_addresses().map(str), max_size=40), st.none() | st.ip_addresses().map(str))
def test_candidates_are_bounded_distinct_and_ordered(interfaces: list[str], reached: str | None) -> None:
    found = host_candidates(1, interfaces=interfaces, reached_at=reached)
    assert len(found) <= MOST
    assert len({candidate.address for candidate in found}) == len(found)
    assert len({candidate.foundation for candidate in found}) == len(found)
    priorities = [candidate.priority for candidate in found]
    assert priorities == sorted(set(priorities), reverse=True)
    for candidate in found:
        address = ipaddress.ip_address(candidate.address)
        assert not address.is_unspecified
        assert not (address.version == 6 and address.is_link_local)


def test_interfaces_are_read_once_in_a_while() -> None:
    now, reads = [0.0], []

    def read() -> list[str]:
        reads.append(now[0])
        return [f"10.0.0.{len(reads)}"]

    cached = InterfaceAddresses(lambda: now[0], read)
    assert cached() == cached() == ["10.0.0.1"]
    now[0] = 5.0
    assert cached() == ["10.0.0.2"]
    assert reads == [0.0, 5.0]


def test_this_host_has_loopback() -> None:
    assert "127.0.0.1" in interface_addresses()
