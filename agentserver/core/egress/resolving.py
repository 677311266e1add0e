"""From a host to the addresses a connection may use, each of them checked."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

from agentserver.core.egress.addresses import is_public, literal
from agentserver.core.egress.allowed import is_allowed, normal_host
from agentserver.core.egress.refusal import EgressRefused
from agentserver.core.egress.targets import check_host

DNS_SECONDS = 5.0
DNS_THREADS = 16
# Beyond this a name is no help: connecting to one after the other takes longer than anyone waits.
MOST_ADDRESSES = 8

# Threads of their own: a hung resolver blocks one for as long as it likes, and nothing else waits.
_threads = ThreadPoolExecutor(DNS_THREADS, thread_name_prefix="egress-dns")


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of `host`, in the order to try them; a literal address is its own answer.

    One address that is not public condemns the whole host, unless the operator allows it. Raises
    `EgressRefused`, OSError when the name does not resolve, TimeoutError after `DNS_SECONDS`.
    """
    check_host(host, port)
    bare = normal_host(host)
    if literal(bare):
        return [bare]
    found = await _looked_up(bare, port)
    if not is_allowed(bare, port):
        _check_all(bare, found)
    return found[:MOST_ADDRESSES]


def lookup(host: str, port: int) -> list[str]:
    """One question to the resolver of the system, blocking."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


async def _looked_up(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(DNS_SECONDS):
        found = await loop.run_in_executor(_threads, lookup, host, port)
    if not found:
        raise OSError("the name has no address")
    return found


def _check_all(host: str, found: list[str]) -> None:
    for text in found:
        address = literal(text)
        if address is None or not is_public(address):
            raise EgressRefused(f"{host} does not lead to a public address")
