"""What both HTTP libraries share: connecting to checked addresses only, reading bounded answers."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeVar

from agentserver.core.egress.refusal import EgressRefused
from agentserver.core.egress.resolving import resolve
from agentserver.core.egress.targets import check_target

T = TypeVar("T")

CONNECT_SECONDS = 10.0
MAX_BYTES = 4 * 1024 * 1024
MOST_CONNECTIONS = 100


async def connect(
    dial: Callable[[str, float], Awaitable[T]],
    host: str,
    port: int,
    *,
    seconds: float | None,
    failures: tuple[type[Exception], ...],
) -> T:
    """`dial` with one resolved and checked address after the other until one answers.

    The name is asked once and the connection goes to what was checked: there is no second answer
    that could differ. TLS still verifies the name, since only the dialling is changed. Raises what
    `resolve` raises, or the failure of the last address.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + (CONNECT_SECONDS if seconds is None else seconds)
    async with asyncio.timeout_at(deadline):
        addresses = await resolve(host, port)
    for left in range(len(addresses), 1, -1):
        try:
            return await dial(addresses[-left], max(deadline - loop.time(), 0.1) / left)
        except failures:
            continue
    return await dial(addresses[-1], max(deadline - loop.time(), 0.1))


def check_request(scheme: bytes, host: bytes, port: int | None, userinfo: bytes) -> None:
    """The rules for the URL of a request as the HTTP library has parsed it."""
    if userinfo:
        raise EgressRefused("credentials do not belong into a URL")
    check_target(scheme.decode("ascii"), host.decode("ascii", "replace"), port)


def check_encoding(headers: Mapping[str, str]) -> None:
    """A few compressed bytes may unfold to gigabytes, so we ask for none and accept none."""
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise EgressRefused("the answer is compressed although none was asked for")


async def capped(body: AsyncIterable[bytes], most: int) -> AsyncIterator[bytes]:
    """The chunks of an answer; raises `EgressRefused` behind the last one that fits."""
    size = 0
    async for chunk in body:
        size += len(chunk)
        if size > most:
            raise EgressRefused(f"the answer is longer than {most} bytes")
        yield chunk
