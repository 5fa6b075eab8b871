"""Which IP addresses belong to the public internet: the public ranges, without the special ranges inside them.

Python's `is_global` is not enough: it knows neither how translators and tunnels embed one address in another, nor the
public addresses under which clouds serve their own machines, and give credentials to every caller.
"""

from __future__ import annotations

import ipaddress
from typing import Final

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_PUBLIC: Final = ("0.0.0.0/0", "2000::/3")
_SET_ASIDE: Final = (
    # IPv4: this host, private, shared by carriers, loopback, link-local, private, private
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"),
    # protocols, documentation, AS112, multicast by tunnel, relays of 6to4, AS112
    *("192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24"),
    # benchmarks, documentation, documentation, multicast, reserved and broadcast
    *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    # clouds' own services for their machines: Azure, IBM (twice), Google (its interfaces from inside, twice)
    *("168.63.129.16/32", "161.26.0.0/16", "166.8.0.0/14", "199.36.153.4/30", "199.36.153.8/30"),
    # IPv6: protocols (Teredo, benchmarks, ORCHID), documentation, 6to4, AS112, documentation
    *("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"),
    # Google, as above
    *("2600:2d00:2:1000::/64", "2600:2d00:2:2000::/64"),
)
_ISATAP: Final = (0x00005EFE, 0x02005EFE)  # the upper half of an interface identifier that embeds an IPv4 address


def _networks(texts: tuple[str, ...]) -> tuple[_Network, ...]:
    return tuple(map(ipaddress.ip_network, texts))


_PUBLIC_NETWORKS: Final = _networks(_PUBLIC)
_NETWORKS_SET_ASIDE: Final = _networks(_SET_ASIDE)


def is_public(address: str) -> bool:
    """Whether an IP address is reachable from the whole internet and does not embed another address."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if ip.version == 6 and ("%" in address or int(ip) >> 32 & 0xFFFFFFFF in _ISATAP):  # noqa: PLR2004
        return False
    return any(ip in network for network in _PUBLIC_NETWORKS) and not any(
        ip in network for network in _NETWORKS_SET_ASIDE
    )
