"""Agents that live on another server, as the engine sees them: a model that answers a turn.

A backend speaks one protocol (`register_backend("a2a", backend)` in ``AppConfig.ready``). It is
handed a `RemoteTurn` and yields what the remote agent says; it raises `ProviderError` when the
agent cannot answer, `RemoteRejected` when it will not. The turn of one ``(run_id, step)`` may be
asked for more than once (after a broken stream, a crash, a shut-down): a backend joins what it has
begun instead of beginning it again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from runs.providers.errors import ProviderError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable

    from pydantic import JsonValue

    from config.specs import Endpoint
    from runs.events.types import AnyEvent

QuestionKind = Literal["input", "auth"]
INPUT_TOOL: Final = "remote_input"
"""The call a model makes when the remote agent needs something from a person: arguments
``{message, data?}``. Its result goes back to the remote agent with the next turn."""
AUTH_TOOL: Final = "remote_approval"
"""The same for a leave or a credential; approved or refused like any tool that needs approval."""


@dataclass(frozen=True)
class RemoteMessage:
    """One message for the remote agent: content blocks as in the native API."""

    id: str
    blocks: tuple[dict[str, Any], ...]
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RemoteAnswer:
    """What a person said to the agent's last question; the payload of a refusal is its reason."""

    kind: QuestionKind
    accepted: bool
    payload: JsonValue = None


@dataclass(frozen=True)
class RemoteTurn:
    """What the remote agent is to be told, and on whose behalf.

    `messages` are those since the last answer, `answer` replies to an open question (with messages
    besides when somebody wrote instead of answering). `in_db` runs synchronous database work;
    `is_cancelled` says whether the run was asked to stop.
    """

    run_id: str
    thread_id: str
    resource_id: str
    agent_id: str
    config_version: int
    step: int
    attempt: int
    endpoint: Endpoint = field(repr=False)
    messages: tuple[RemoteMessage, ...]
    answer: RemoteAnswer | None
    in_db: Callable[..., Awaitable[Any]] = field(repr=False)
    is_cancelled: Callable[[], bool] = field(repr=False)


@dataclass(frozen=True)
class RemoteText:
    """More of the answer's text."""

    delta: str


@dataclass(frozen=True)
class RemoteFile:
    """A file in the answer, as base64 `data` or by its `url`."""

    media_type: str
    data: str | None = field(default=None, repr=False)
    url: str | None = None
    name: str | None = None


@dataclass(frozen=True)
class RemoteAside:
    """A run event beside the answer: an artifact, an activity."""

    event: AnyEvent


@dataclass(frozen=True)
class RemoteQuestion:
    """The agent waits for a person; nothing may follow it in the turn. `data` is structured."""

    kind: QuestionKind
    message: str
    data: JsonValue = None


RemoteEvent = RemoteText | RemoteFile | RemoteAside | RemoteQuestion


class RemoteBackend(Protocol):
    def turn(self, turn: RemoteTurn) -> AsyncGenerator[RemoteEvent, None]:
        """What the agent says, up to its end or its question."""


class RemoteRejected(ProviderError):
    """The remote agent refused the work: the run ends as blocked."""

    ends_as = "blocked"

    def __init__(self, message: str) -> None:
        super().__init__(message, code="content_filter", retryable=False)


class AnswerReplaced(ProviderError):
    """The agent took back what it had said: the turn begins anew with what it says instead.

    No failure, so it does not count against the retries of a step.
    """

    counts = False

    def __init__(self) -> None:
        super().__init__("the remote agent replaced its answer", code="protocol")


_backends: dict[str, RemoteBackend] = {}


def register_backend(name: str, backend: RemoteBackend) -> None:
    """Makes agents whose endpoint names this backend runnable; the same name again replaces it."""
    _backends[name] = backend


def backend_for(name: str) -> RemoteBackend:
    """Raises `ProviderError` for a backend that this server does not have."""
    try:
        return _backends[name]
    except KeyError:
        reason = f"there is no backend '{name}' for remote agents"
        raise ProviderError(reason, code="bad_request") from None
