"""What went wrong with a server, in words that hold none of its secrets."""

from collections.abc import Iterable

from pydantic import ValidationError

from agentserver.core.secrets import REDACTED, is_secret_member
from config.specs import McpServerSpec

LONGEST = 600
_SHORTEST_SECRET = 4


class ConnectFailed(Exception):
    """There is no connection to the server; the message says why."""


class ConnectionLost(Exception):
    """The connection ended while a request was under way.

    `refused`: the server has surely not accepted the request, so it may be sent again.
    """

    def __init__(self, message: str, *, refused: bool) -> None:
        super().__init__(message)
        self.refused = refused


def described(error: BaseException, spec: McpServerSpec, *, note: str = "") -> str:
    """The innermost reason, shortened; `note` is what else is known, such as what a child wrote."""
    cause = _first(error)
    text = _sentence(cause, spec)
    return redacted(f"{text}: {note}" if note else text, spec)


def redacted(text: str, spec: McpServerSpec) -> str:
    """`without_secrets`, shortened, and without NUL, which PostgreSQL does not store."""
    text = without_secrets(text, spec).replace("\0", "\ufffd")
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 2]} …"


def without_secrets(text: str, spec: McpServerSpec) -> str:
    """`text` without the secrets of the server: environment, headers, client, settings."""
    for secret in sorted(_secrets(spec), key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return text


def _secrets(spec: McpServerSpec) -> set[str]:
    known = [*spec.env.values(), *spec.headers.values(), *_texts(spec.config)]
    if spec.auth and spec.auth.client_secret:
        known.append(spec.auth.client_secret)
    # "Bearer abc": the word behind the scheme is the secret.
    parts = [part for value in spec.headers.values() for part in value.split()[1:]]
    return {value for value in (*known, *parts) if len(value) >= _SHORTEST_SECRET}


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            if isinstance(member, str) and is_secret_member(name, member):
                yield member
            else:
                yield from _texts(member)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _sentence(error: BaseException, spec: McpServerSpec) -> str:
    if isinstance(error, ConnectFailed):
        return str(error)
    if isinstance(error, TimeoutError):
        return f"no answer within {spec.timeout_secs} s"
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        return f"its answer breaks the protocol ({where}: {first['msg']})"
    if isinstance(error, FileNotFoundError):
        return f"cannot start: {error.strerror or error}"
    text = str(error).strip()
    return text or type(error).__name__
