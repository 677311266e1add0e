"""One notification as one HTTP request (A2A 1.0, section 4.3.3)."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from agentserver.core import exact_json, secrets
from agentserver.core.egress import EgressRefused, guarded_client
from agentserver.core.secrets import SecretUnreadableError
from agentserver_a2a.models import PushConfig

if TYPE_CHECKING:
    import httpx

MEDIA_TYPE: Final = "application/a2a+json"
TOKEN_HEADER: Final = "X-A2A-Notification-Token"  # noqa: S105 - the name of a header
SECONDS: Final = 15.0
CONNECT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` is None when nothing answered; `error` is "" exactly when it was delivered."""

    status: int | None
    error: str = ""


def client() -> "httpx.AsyncClient":
    """For all webhooks of a process; the caller closes it."""
    # Deferred: only workers that deliver something need it.
    from httpx import Timeout

    headers = {"Content-Type": MEDIA_TYPE, "User-Agent": "agentserver"}
    return guarded_client(timeout=Timeout(SECONDS, connect=CONNECT_SECONDS), headers=headers)


async def post(
    client: "httpx.AsyncClient", row: PushConfig, notification: dict[str, Any]
) -> Answer:
    """Sends a StreamResponse. Never raises for what the other side does; `error` holds no secret.

    The whole exchange has 15 s. A status of 2xx is a delivery whatever else the answer holds, so
    the rest of it is not read.
    """
    from httpx import HTTPError, InvalidURL

    try:
        async with asyncio.timeout(SECONDS):
            body = exact_json.dumps(notification).encode()
            request = client.build_request("POST", row.url, content=body, headers=_headers(row))
            response = await client.send(request, stream=True)
            await response.aclose()
    except EgressRefused as refused:
        return Answer(None, f"refused: {refused.reason}")
    except TimeoutError:
        return Answer(None, f"no answer within {SECONDS:.0f} s")
    except SecretUnreadableError as unreadable:
        return Answer(None, str(unreadable))
    except (HTTPError, InvalidURL) as error:
        return Answer(None, _fault(error))
    status = response.status_code
    return Answer(status, "" if 200 <= status < 300 else f"HTTP status {status}")


def _headers(row: PushConfig) -> dict[str, str]:
    headers: dict[str, str] = {}
    if row.scheme:
        credentials = secrets.decrypt(row.credentials) if row.credentials else ""
        headers["Authorization"] = f"{row.scheme} {credentials}".strip()
    if row.token:
        headers[TOKEN_HEADER] = secrets.decrypt(row.token)
    return headers


def _fault(error: Exception) -> str:
    """Texts of other errors may quote the request, and with it a secret."""
    from httpx import ConnectError, TimeoutException

    if isinstance(error, TimeoutException):
        return f"no answer: {type(error).__name__}"
    if isinstance(error, ConnectError):
        return f"no connection: {error}"
    return type(error).__name__
