"""Which IP addresses are the public internet. Everything else is refused, known or not."""

import ipaddress
from collections.abc import Iterator

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
V4 = ipaddress.IPv4Address

# Marked global by the registries (or by this Python), yet no place for a request of a stranger.
_NOT_PUBLIC_V4 = [
    ipaddress.IPv4Network(text)
    for text in ("100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15")
]
# Only this block is given out for use on the internet (RFC 4291, IANA): unique local, link-local,
# site-local, multicast and what is still reserved lie outside.
_UNICAST_V6 = ipaddress.IPv6Network("2000::/3")
_NOT_PUBLIC_V6 = [
    ipaddress.IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "3fff::/20")
]
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_6TO4 = ipaddress.IPv6Network("2002::/16")
_ISATAP = {0x0000_5EFE, 0x0200_5EFE}
_LOW_32 = 0xFFFF_FFFF


def literal(host: str) -> Address | None:
    """The address that `host` spells in its usual form, else None."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_public(address: Address) -> bool:
    """Whether a request may go there. IPv6 that leads on to an IPv4 address is judged by both."""
    if isinstance(address, V4):
        return _is_public_v4(address)
    carriers = address.ipv4_mapped is not None or address in _NAT64
    if not carriers and not _is_public_v6(address):
        return False
    return all(_is_public_v4(inner) for inner in _embedded(address))


def _is_public_v4(address: V4) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return not any(address in network for network in _NOT_PUBLIC_V4)


def _is_public_v6(address: ipaddress.IPv6Address) -> bool:
    if address.scope_id is not None or address not in _UNICAST_V6 or not address.is_global:
        return False
    return not any(address in network for network in _NOT_PUBLIC_V6)


def _embedded(address: ipaddress.IPv6Address) -> Iterator[V4]:
    """The IPv4 addresses that packets to this one may be handed on to.

    Teredo (2001::/32) is not here: it is refused as a whole.
    """
    number = int(address)
    if address.ipv4_mapped is not None or address in _NAT64:
        yield V4(number & _LOW_32)
    elif address in _6TO4:
        yield V4(number >> 80 & _LOW_32)
    if number >> 32 & _LOW_32 in _ISATAP:
        yield V4(number & _LOW_32)
