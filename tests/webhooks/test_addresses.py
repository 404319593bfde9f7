from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyc.webhooks.addresses import Reach

PUBLIC, DEVELOPMENT = Reach(), Reach(private=True)

INWARD = [
    "0.0.0.0", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.255.254", "169.254.169.254",
    "169.254.170.2", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.1.1",
    "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "168.63.129.16",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8", "64:ff9b::7f00:1",
    "64:ff9b::808:808", "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "3fff::1", "5f00::1", "fc00::1", "fd00:ec2::254",
    "fdff::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1",
]  # fmt: skip


@pytest.mark.parametrize("address", INWARD)
def test_what_is_not_plainly_public_is_refused(address):
    assert not PUBLIC.allows(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"])
def test_public_addresses_are_allowed(address):
    assert PUBLIC.allows(address)


@pytest.mark.parametrize("spelling", ["", "localhost", "127.1", "0x7f.0.0.1", "2130706433", "1.2.3", "8.8.8.8 ", "::g"])
def test_what_is_no_address_is_refused(spelling):
    assert not PUBLIC.allows(spelling)
    assert not DEVELOPMENT.allows(spelling)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.1.2.3", "192.168.1.1", "fd12::1"])
def test_development_reaches_loopback_and_private_addresses(address):
    assert DEVELOPMENT.allows(address)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "::ffff:169.254.169.254", "192.0.0.192", "fd00:ec2::254", "fe80::1", "224.0.0.1"]
)
def test_not_even_development_reaches_a_metadata_service(address):
    assert not DEVELOPMENT.allows(address)


def test_an_operator_opens_one_network_and_not_its_neighbour():
    reach = Reach(networks=(ipaddress.ip_network("10.20.0.0/16"),))
    assert reach.allows("10.20.3.4")
    assert not reach.allows("10.21.3.4")
    assert reach.allows("8.8.8.8")


def test_an_operator_cannot_open_the_metadata_service_by_opening_everything():
    reach = Reach(networks=(ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")))
    assert not reach.allows("169.254.169.254")
    assert not reach.allows("fe80::1")
    assert not reach.allows("64:ff9b::a9fe:a9fe")
    assert not reach.allows("2002:a9fe:a9fe::1")


def test_opening_nat64_opens_the_public_addresses_behind_it_and_no_private_ones():
    reach = Reach(networks=(ipaddress.ip_network("64:ff9b::/96"),))
    assert reach.allows("64:ff9b::808:808")
    assert not reach.allows("64:ff9b::7f00:1")
    assert not reach.allows("64:ff9b::a00:1")


@given(st.ip_addresses(v=4))
def test_whatever_python_calls_private_is_refused(ip):
    if not ip.is_global or ip.is_multicast or ip.is_reserved:
        assert not PUBLIC.allows(str(ip))


@given(st.ip_addresses(v=6))
def test_no_ipv6_address_that_python_calls_private_or_that_carries_ipv4_is_allowed(ip):
    if not ip.is_global or ip.is_multicast or ip.sixtofour or ip.teredo or ip.ipv4_mapped:
        assert not PUBLIC.allows(str(ip))
