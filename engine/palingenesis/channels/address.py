"""Which addresses may be told: https to public hosts, or this very machine; nothing else unasked.

Theory of operation: the host is resolved and every address it has is judged before anything is
sent. A name that is rebound between judgement and connection gains nothing: over https the inner
host would have to show a certificate for the outer name, and plain http goes to loopback only.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from palingenesis.core.errors import DeniedError, WireError
from palingenesis.runtime.notice_address import check_form, is_loopback_by_name

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, as text."""

_RESOLVE_S = 5.0
_HOLDING_IPV4 = tuple(map(ip_network, ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96")))
"""Blocks whose last 32 bits are an IPv4 address: compatible, translated, NAT64."""
_UNICAST = ip_network("2000::/3")
"""Whatever IPv6 address lies outside of it is nobody's public one."""
_SPECIAL = tuple(map(ip_network, ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")))
"""Special purposes (iana.org, special registries) that older Pythons take for public."""
_Address = IPv4Address | IPv6Address


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, from the system's resolver.

    Raises:
        WireError: it has none, or they were not found in time.
    """
    try:
        async with asyncio.timeout(_RESOLVE_S):
            found = await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            )
    except (OSError, TimeoutError, UnicodeError) as error:
        raise WireError("the host's address cannot be found") from error
    return [str(entry[4][0]) for entry in found]


async def check_address(url: str, *, allow_private: bool, resolve: Resolve) -> None:
    """Refuse an address that leads where we must not go.

    Raises:
        InvalidConfigError: its form is wrong.
        DeniedError: one of its addresses is not public.
        WireError: its host has no address now.
    """
    check_form(url)
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback_by_name(host):
        return
    for text in await resolve(host, parts.port or 443):
        address = _unwrapped(ip_address(text.partition("%")[0]))
        if not _may_be_told(address, allow_private=allow_private):
            raise DeniedError(
                "a notification address leads to a host that is not public",
                hint="set 'allow_private = true' under [notifications] if that is meant",
            )


def _may_be_told(address: _Address, *, allow_private: bool) -> bool:
    if address.is_multicast or address.is_unspecified or address.is_link_local:
        return False
    return _is_public(address) or (allow_private and (address.is_private or address.is_loopback))


def _is_public(address: _Address) -> bool:
    if any(address.version == block.version and address in block for block in _SPECIAL):
        return False
    return address.is_global and (isinstance(address, IPv4Address) or address in _UNICAST)


def _unwrapped(address: _Address) -> _Address:
    """The IPv4 address inside an IPv6 one, where there is one."""
    if isinstance(address, IPv4Address) or address.is_loopback or address.is_unspecified:
        return address
    if any(address in block for block in _HOLDING_IPV4):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
