"""Where a remote agent answers: its card, kept for a while, and the interface we use."""

import json
from collections import OrderedDict
from dataclasses import dataclass, replace
from email.message import Message
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

import httpx

from config.specs import Endpoint
from runs.providers.errors import ErrorCode, ProviderError

if TYPE_CHECKING:
    from a2a.types import AgentCard, AgentInterface

WELL_KNOWN: Final = "/.well-known/agent-card.json"
BINDINGS: Final = ("HTTP+JSON", "JSONRPC")
CARD_SECONDS: Final = 15.0
KEPT_SECONDS: Final = 300.0
LONGEST_KEPT: Final = 3600.0
MOST_KEPT: Final = 256


@dataclass(frozen=True)
class Found:
    """A card as it was fetched. `until` is monotonic seconds."""

    card: "AgentCard"
    etag: str
    until: float


@dataclass(frozen=True)
class Peer:
    """A remote agent ready to be called; `headers` go with every call."""

    card: "AgentCard"
    interface: "AgentInterface"
    tenant: str
    headers: dict[str, str]

    @property
    def streams(self) -> bool:
        return bool(self.card.capabilities.streaming)


_kept: "OrderedDict[tuple[str, str], Found]" = OrderedDict()


def forget() -> None:
    """Fetch every card anew."""
    _kept.clear()


async def find(http: httpx.AsyncClient, endpoint: Endpoint) -> Peer:
    """The agent behind an endpoint. Raises `ProviderError`, or what the HTTP client raises."""
    card = await _card(http, endpoint)
    interface = _interface(card, endpoint)
    headers = bearer(endpoint)
    if headers and _origin(interface.url) != _origin(endpoint.base_url):
        raise ProviderError(
            "the agent's card leads to another origin than base_url, where the token must not go",
            code="bad_request",
        )
    return Peer(card, interface, endpoint.target or interface.tenant, headers)


def bearer(endpoint: Endpoint) -> dict[str, str]:
    token = endpoint.auth.token if endpoint.auth else None
    return {"Authorization": f"Bearer {token}"} if token else {}


# --- the card ----------------------------------------------------------------------------------


async def _card(http: httpx.AsyncClient, endpoint: Endpoint) -> "AgentCard":
    headers = bearer(endpoint)
    key = (endpoint.base_url, headers.get("Authorization", ""))
    known = _kept.get(key)
    if known and monotonic() < known.until:
        return known.card
    found = await _fetch(http, endpoint, headers, known)
    _kept[key] = found
    _kept.move_to_end(key)
    while len(_kept) > MOST_KEPT:
        _kept.popitem(last=False)
    return found.card


async def _fetch(
    http: httpx.AsyncClient, endpoint: Endpoint, headers: dict[str, str], known: Found | None
) -> Found:
    """Every place a card may be at; without any the URL itself is taken for an interface."""
    for url in places(endpoint.base_url):
        answer = await _get(http, url, headers, known)
        if answer.status_code == httpx.codes.NOT_MODIFIED and known:
            return replace(known, until=_until(answer))
        if answer.status_code == httpx.codes.OK:
            return Found(_parsed(answer), answer.headers.get("etag", ""), _until(answer))
        if answer.status_code not in {404, 405, 410}:
            raise _no_card(answer.status_code)
    if urlsplit(endpoint.base_url).path.strip("/"):
        return Found(_assumed(endpoint.base_url), "", monotonic() + KEPT_SECONDS)
    raise ProviderError("there is no agent card at the endpoint", code="model_not_found")


def places(base_url: str) -> list[str]:
    """Addresses of a card, the likeliest first: below the path if there is one, at the origin."""
    parts = urlsplit(base_url)
    origin = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    path = parts.path.rstrip("/")
    if path.endswith(".json"):
        return [origin + path]
    return [origin + path + WELL_KNOWN, origin + WELL_KNOWN] if path else [origin + WELL_KNOWN]


async def _get(
    http: httpx.AsyncClient, url: str, headers: dict[str, str], known: Found | None
) -> httpx.Response:
    """The card is public as a rule; a server that says otherwise is shown the token."""
    sent = {"Accept": "application/json", "A2A-Version": "1.0"}
    if known and known.etag:
        sent["If-None-Match"] = known.etag
    answer = await http.get(url, headers=sent, timeout=CARD_SECONDS)
    if answer.status_code in {401, 403} and headers:
        answer = await http.get(url, headers={**sent, **headers}, timeout=CARD_SECONDS)
    return answer


def _no_card(status: int) -> ProviderError:
    reason = f"the agent card could not be fetched (HTTP {status})"
    if status in {401, 403}:
        return ProviderError(reason, code="auth", status=status)
    retryable = status >= 500 or status == 429
    code: ErrorCode = "server_error" if retryable else "bad_request"
    return ProviderError(reason, code=code, status=status, retryable=retryable)


def _parsed(answer: httpx.Response) -> "AgentCard":
    from a2a.client.card_resolver import parse_agent_card
    from google.protobuf.json_format import ParseError

    try:
        found: Any = json.loads(answer.content)
        card = parse_agent_card(found)
    except (ValueError, ParseError, AttributeError, TypeError, RecursionError):
        raise ProviderError("the agent card cannot be read", code="protocol") from None
    return card


def _until(answer: httpx.Response) -> float:
    """`max-age` of the answer within bounds, else five minutes."""
    directives = Message()
    directives["x"] = "x; " + answer.headers.get("cache-control", "").replace(",", ";")
    age = directives.get_param("max-age", header="x")
    seconds = float(age) if isinstance(age, str) and age.isdigit() else KEPT_SECONDS
    return monotonic() + min(seconds, LONGEST_KEPT)


def _assumed(url: str) -> "AgentCard":
    from a2a.types import AgentCapabilities, AgentCard, AgentInterface

    interface = AgentInterface(url=url, protocol_binding=BINDINGS[0], protocol_version="1.0")
    return AgentCard(
        name=url,
        supported_interfaces=[interface],
        capabilities=AgentCapabilities(streaming=True),
    )


# --- the interface -----------------------------------------------------------------------------


def _interface(card: "AgentCard", endpoint: Endpoint) -> "AgentInterface":
    """The one the endpoint names, else the card's first that we can speak."""
    usable = [each for each in card.supported_interfaces if each.protocol_binding in BINDINGS]
    if not usable:
        raise ProviderError("the agent offers neither HTTP+JSON nor JSON-RPC", code="bad_request")
    current = [each for each in usable if each.protocol_version.startswith("1.")] or usable
    wanted = endpoint.base_url.rstrip("/")
    named = (each for each in current if each.url.rstrip("/") == wanted)
    chosen: AgentInterface = next(named, current[0])
    return chosen


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", port
