"""Which IP addresses a webhook may be sent to. Pure; the last word on server-side request forgery.

Judged on the address that the socket will connect to, so decimal, octal or hexadecimal spellings, IDN tricks and
DNS names that point inwards all arrive here as what they are.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# IANA IPv4 Special-Purpose Address Registry (RFC 6890), spelled out: `is_global` changed between Python releases.
CLOSED_V4 = tuple(
    ipaddress.IPv4Network(n)
    for n in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by a carrier's NAT; cloud providers put services here
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local; cloud metadata lives at .169.254
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # IETF protocol assignments; one cloud's metadata at .192
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays, withdrawn
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# One cloud answers metadata and platform calls on a public address.
CLOUD_PLATFORM = ipaddress.IPv4Address("168.63.129.16")

# Only global unicast is handed out. This alone refuses ::1, ::a.b.c.d, ::ffff:a.b.c.d, 64:ff9b::/96 (NAT64),
# fc00::/7 (unique local), fe80::/10 (link-local) and ff00::/8 (multicast).
OPEN_V6 = ipaddress.IPv6Network("2000::/3")
CLOSED_V6 = tuple(
    ipaddress.IPv6Network(n)
    for n in (
        "2001::/23",  # IETF protocol assignments: Teredo 2001::/32, ORCHID, benchmarking
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries any IPv4 address, private ones too
        "3fff::/20",  # documentation
    )
)

NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

# Never wanted, not even in development: no test or internal receiver lives at a metadata service.
NEVER: tuple[Network, ...] = (
    ipaddress.IPv4Network("169.254.0.0/16"),
    ipaddress.IPv6Network("fe80::/10"),
    ipaddress.IPv6Network("fd00:ec2::/32"),  # one cloud's metadata over IPv6
    ipaddress.IPv4Network("192.0.0.192/32"),  # another's
    ipaddress.IPv4Network("224.0.0.0/4"),
    ipaddress.IPv6Network("ff00::/8"),
    ipaddress.IPv4Network("255.255.255.255/32"),
)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far webhooks may reach: public addresses, and what the operator opens beyond them."""

    private: bool = False  # development: loopback and private addresses, plain http, any port
    networks: tuple[Network, ...] = ()  # internal receivers named by the operator

    def allows(self, address: str) -> bool:
        ip = plain(address)
        if ip is None or any(ip in n for n in NEVER if n.version == ip.version):
            return False
        if not all(self.allows(str(inner)) for inner in carried(ip)):
            return False  # opening a translator's or a tunnel's network does not open what lies behind it
        if any(ip in n for n in self.networks if n.version == ip.version):
            return True
        return is_public(ip) or (self.private and (ip.is_private or ip.is_loopback))


def plain(address: str) -> Address | None:
    """The address, or None for what is none, carries a zone, or is an IPv4 address in IPv6 clothing."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.scope_id is not None:
            return None  # a zone only has meaning on link-local addresses
        if ip.ipv4_mapped is not None:
            return None  # the kernel would connect ::ffff:a.b.c.d to a.b.c.d; no honest name resolves to it
    return ip


def carried(ip: Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that a translated or tunnelled IPv6 address leads to (RFC 6052, 3056, 4380)."""
    if isinstance(ip, ipaddress.IPv4Address):
        return []
    if ip in NAT64:
        return [ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)]
    return [inner for inner in (ip.sixtofour, *(ip.teredo or ())) if inner is not None]


def is_public(ip: Address) -> bool:
    if isinstance(ip, ipaddress.IPv4Address):
        return ip != CLOUD_PLATFORM and not any(ip in n for n in CLOSED_V4)
    return ip in OPEN_V6 and not any(ip in n for n in CLOSED_V6)
