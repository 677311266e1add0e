"""A remote agent as a model of the model layer."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic_ai.models import StreamedResponse
from pydantic_ai.profiles import DEFAULT_PROFILE, ModelProfile

from agentserver.core.clock import now
from runs.events.types import AnyEvent, FileProduced
from runs.providers.aside import Aside
from runs.providers.errors import ProviderError
from runs.providers.remote import (
    AUTH_TOOL,
    INPUT_TOOL,
    AnswerReplaced,
    RemoteAside,
    RemoteEvent,
    RemoteFile,
    RemoteQuestion,
    RemoteText,
    RemoteTurn,
    backend_for,
)
from runs.providers.streaming import StreamingModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from datetime import datetime

    from pydantic_ai.messages import ModelMessage, ModelResponseStreamEvent
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.settings import ModelSettings
    from pydantic_ai.tools import RunContext


MOST_REPLACED: Final = 100


class RemoteModel(StreamingModel):
    """Asks the agent behind one endpoint. The conversation comes from ``next_turn``, which knows
    the stored blocks; the model layer's messages would have lost what they cannot say."""

    def __init__(
        self, name: str, backend: str, next_turn: Callable[[], Awaitable[RemoteTurn]]
    ) -> None:
        super().__init__()
        self._name = name
        self._backend = backend
        self._next_turn = next_turn
        self._replaced = 0

    @property
    def model_name(self) -> str:
        return self._name

    @property
    def system(self) -> str:
        return self._backend

    @property
    def profile(self) -> ModelProfile:
        return DEFAULT_PROFILE

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncIterator[StreamedResponse]:
        turn = await self._next_turn()
        async with aclosing(backend_for(self._backend).turn(turn)) as events:
            stream = RemoteStream(
                model_request_parameters=model_request_parameters,
                name=self._name,
                backend=self._backend,
                events=events,
                call_id=f"remote_{turn.run_id}_{turn.step}",
            )
            try:
                yield stream
            except AnswerReplaced as replaced:
                self._count(replaced)
                raise

    def _count(self, replaced: AnswerReplaced) -> None:
        """Beginning anew is free, so somebody has to say when it is enough."""
        self._replaced += 1
        if self._replaced > MOST_REPLACED:
            reason = "the remote agent replaced its answer too often"
            raise ProviderError(reason, code="bad_request") from replaced


def _beside(event: AnyEvent) -> ModelResponseStreamEvent:
    # The engine takes these out of the stream; the model layer only passes them on.
    return cast("ModelResponseStreamEvent", Aside(event))


def _produced(file: RemoteFile) -> FileProduced:
    # The ids of message and block are the engine's to give.
    return FileProduced(
        message_id="",
        block_id="",
        media_type=file.media_type,
        data=file.data,
        url=file.url,
        name=file.name,
    )


@dataclass
class RemoteStream(StreamedResponse):
    """What the remote agent says, as events of the model layer."""

    name: str
    backend: str
    events: AsyncIterator[RemoteEvent]
    call_id: str
    started: datetime = field(default_factory=now)

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        self.finish_reason = "stop"
        async for event in self.events:
            for told in self._told(event):
                yield told

    def _told(self, event: RemoteEvent) -> Iterable[ModelResponseStreamEvent]:
        match event:
            case RemoteText(delta=delta):
                return self._parts_manager.handle_text_delta(vendor_part_id="text", content=delta)
            case RemoteFile():
                return [_beside(_produced(event))]
            case RemoteAside(event=beside):
                return [_beside(beside)]
            case RemoteQuestion():
                return self._asked(event)

    def _asked(self, question: RemoteQuestion) -> Iterable[ModelResponseStreamEvent]:
        self.finish_reason = "tool_call"
        arguments: dict[str, Any] = {"message": question.message}
        if question.data is not None:
            arguments["data"] = question.data
        return self._parts_manager.handle_tool_call_delta_events(
            vendor_part_id="question",
            tool_name=AUTH_TOOL if question.kind == "auth" else INPUT_TOOL,
            args=arguments,
            tool_call_id=self.call_id,
        )

    async def close_stream(self) -> None:
        """The connection belongs to the backend, whose generator is closed with the request."""

    @property
    def model_name(self) -> str:
        return self.name

    @property
    def provider_name(self) -> str:
        return self.backend

    @property
    def provider_url(self) -> None:
        return None

    @property
    def timestamp(self) -> datetime:
        return self.started
