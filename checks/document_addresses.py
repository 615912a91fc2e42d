"""Which network addresses a document may be fetched from: public ones, and those of networks an operator names."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

_TRANSLATED = ip_network("64:ff9b::/96")  # the last 32 bits are the IPv4 address that is meant
_COMPATIBLE = ip_network("::/96")
_UNICAST = ip_network("2000::/3")  # all that is given out of IPv6
_NOT_PUBLIC = tuple(  # beyond what the standard library calls private in all its versions
    ip_network(network)
    for network in (
        "168.63.129.16/32",  # answers only inside its cloud
        "192.0.0.0/24",
        "192.88.99.0/24",
        "2001::/23",
        "3fff::/20",
    )
)


class NameNotFoundError(Exception):
    """A host has no address that we can learn: the name is unknown, or there is no network."""


def system_addresses(host: str, port: int) -> Sequence[str]:
    """Return the addresses the system's resolver knows. Raises NameNotFoundError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NameNotFoundError(str(error)) from None
    return list(dict.fromkeys(str(place[4][0]) for place in found))


def addresses_of(host: str, port: int, resolve: Resolve, within_s: float) -> Sequence[str]:
    """Ask the resolver, but wait no longer than given. Raises NameNotFoundError, and TimeoutError."""
    answers: list[Sequence[str] | NameNotFoundError] = []

    def ask() -> None:
        try:
            answers.append(resolve(host, port))
        except NameNotFoundError as error:
            answers.append(error)

    asking = threading.Thread(target=ask, name="resolver", daemon=True)  # the system's resolver knows no time-out
    asking.start()
    asking.join(within_s)
    if not answers:
        raise TimeoutError
    if isinstance(answers[0], NameNotFoundError):
        raise answers[0]
    if not answers[0]:
        raise NameNotFoundError("no address")
    return answers[0]


def is_acceptable(address: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    """True for a public address, and for one of the given networks; never for what is no address."""
    try:
        meant = _meant(ip_address(address))
    except ValueError:
        return False
    if any(meant in network for network in networks):
        return True
    return _is_public(meant) and all(_is_public(inner) for inner in _carried(meant))


def _meant(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address is only another spelling of, else the address itself."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _TRANSLATED or (address in _COMPATIBLE and int(address) > 1):
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _carried(address: Address) -> Iterable[Address]:
    """Yield the IPv4 addresses that a tunnel's address leads to."""
    if isinstance(address, IPv6Address):
        if address.sixtofour is not None:
            yield address.sixtofour
        if address.teredo is not None:
            yield from address.teredo


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and (address not in _UNICAST or address.scope_id):
        return False
    refused = (
        address.is_private
        or address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_reserved
        or address.is_unspecified
        or any(address in network for network in _NOT_PUBLIC)
    )
    return address.is_global and not refused
