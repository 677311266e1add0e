"""A script's reply as a stream of pydantic-ai events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pydantic_ai.messages import BinaryContent, FilePart, ModelResponseStreamEvent
from pydantic_ai.models import StreamedResponse
from pydantic_ai.usage import RequestUsage

from agentserver.core.clock import now
from agentserver.core.exact_json import dumps
from runs.providers.error_bodies import error_from_object
from runs.providers.script_aside import beside
from runs.providers.script_spec import (
    Action,
    ArtifactAction,
    ClientToolAction,
    DataAction,
    DelayAction,
    ErrorAction,
    FileAction,
    FileDetail,
    FinishAction,
    ReasoningAction,
    Rule,
    TextAction,
    ToolCall,
    ToolCallAction,
    UsageAction,
)
from runs.providers.spec import SCRIPTED

if TYPE_CHECKING:
    from collections import Counter
    from datetime import datetime

    from runs.providers.script_scene import Scene

_BURST: Final = 16
_CHARACTERS_PER_TOKEN: Final = 4

Events = Iterable[ModelResponseStreamEvent]
_Paced = TextAction | ReasoningAction | ToolCallAction | ClientToolAction


@dataclass
class ScriptedStream(StreamedResponse):
    """Carries out the actions of one rule."""

    name: str
    scene: Scene
    rule: Rule
    failures: Counter[str]
    started: datetime = field(default_factory=now)
    _calls: int = field(default=0, init=False)
    _sent: int = field(default=0, init=False)
    _usage_given: bool = field(default=False, init=False)

    async def _get_event_iterator(self) -> AsyncIterator[ModelResponseStreamEvent]:
        self.provider_response_id = f"scripted_{self.scene.digest()}"
        for position, action in enumerate(self.rule.reply):
            async for event in self._carried_out(position, action):
                if self.cancelled:
                    return
                yield event
        self.finish_reason = self.finish_reason or ("tool_call" if self._calls else "stop")
        if not self._usage_given:
            self._usage = self._estimate()

    def _carried_out(
        self, position: int, action: Action
    ) -> AsyncIterator[ModelResponseStreamEvent]:
        if isinstance(action, TextAction):
            text = self.scene.filled(action.text)
            return self._paced(action, text, lambda piece: self._said(position, piece))
        if isinstance(action, ReasoningAction):
            return self._reasoned(position, action)
        if isinstance(action, ToolCallAction):
            return self._called(position, action, action.tool_call)
        if isinstance(action, ClientToolAction):
            return self._called(position, action, self._client_call(action))
        return self._single(position, action)

    async def _paced(
        self, action: _Paced, text: str, emit: Callable[[str], Events]
    ) -> AsyncIterator[ModelResponseStreamEvent]:
        first = action.delay_ms if action.first_delay_ms is None else action.first_delay_ms
        for number, piece in enumerate(action.pieces(text)):
            await _pause(action.delay_ms if number else first, number)
            self._sent += len(piece)
            for event in emit(self.scene.filled(piece) if action.chunk_list else piece):
                yield event

    def _said(self, position: int, piece: str) -> Events:
        return self._parts_manager.handle_text_delta(vendor_part_id=position, content=piece)

    async def _reasoned(
        self, position: int, action: ReasoningAction
    ) -> AsyncIterator[ModelResponseStreamEvent]:
        text = self.scene.filled(action.reasoning)

        def thought(piece: str | None, signature: str | None = None) -> Events:
            return self._parts_manager.handle_thinking_delta(
                vendor_part_id=position,
                content=piece,
                signature=signature,
                provider_name=SCRIPTED,
            )

        async for event in self._paced(action, text, thought):
            yield event
        if action.signature is not None:
            for event in thought(None, action.signature):
                yield event

    async def _called(
        self, position: int, action: ToolCallAction | ClientToolAction, call: ToolCall | None
    ) -> AsyncIterator[ModelResponseStreamEvent]:
        if call is None:
            return
        call_id = call.id or self.scene.call_id(self._calls)
        self._calls += 1
        for event in self._parts_manager.handle_tool_call_delta_events(
            vendor_part_id=position, tool_name=call.name, tool_call_id=call_id
        ):
            yield event

        def argued(piece: str) -> Events:
            return self._parts_manager.handle_tool_call_delta_events(
                vendor_part_id=position, args=piece
            )

        async for event in self._paced(action, self._arguments(call), argued):
            yield event

    def _arguments(self, call: ToolCall) -> str:
        filled = self.scene.filled(call.arguments)
        return filled if isinstance(filled, str) else dumps(filled)

    def _client_call(self, action: ClientToolAction) -> ToolCall | None:
        names = [
            tool.name
            for tool in self.model_request_parameters.function_tools
            if (tool.metadata or {}).get("source") == "client"
        ]
        wanted = names[:1] if action.client_tool == "first" else [action.client_tool]
        name = next((name for name in wanted if name in names), None)
        return ToolCall(name=name, arguments=action.arguments) if name else None

    async def _single(
        self, position: int, action: Action
    ) -> AsyncIterator[ModelResponseStreamEvent]:
        match action:
            case DelayAction(delay_ms=delay):
                await _pause(delay, 0)
            case ErrorAction():
                self._fail(position, action)
            case FileAction(file=FileDetail(data=bytes() as data, name=None) as file):
                content = BinaryContent(data=data, media_type=file.media_type)
                yield self._parts_manager.handle_part(
                    vendor_part_id=position, part=FilePart(content=content)
                )
            case FileAction() | ArtifactAction() | DataAction():
                yield beside(self.scene, position, action)
            case UsageAction(usage=usage):
                self._usage = _usage(usage.model_dump())
                self._usage_given = True
            case FinishAction(finish_reason=reason):
                self.finish_reason = reason

    def _fail(self, position: int, action: ErrorAction) -> None:
        error = action.error
        point = f"{self.scene.digest(self.name)}:{position}"
        if error.times is not None:
            if self.failures[point] >= error.times:
                return
            self.failures[point] += 1
        raise error_from_object(
            status=error.status,
            payload={"error": {"message": error.message}},
            retry_after=error.retry_after,
        )

    def _estimate(self) -> RequestUsage:
        return RequestUsage(
            input_tokens=-(-self.scene.characters // _CHARACTERS_PER_TOKEN),
            output_tokens=-(-self._sent // _CHARACTERS_PER_TOKEN),
        )

    async def close_stream(self) -> None:
        """There is no connection to close; the next event is not produced."""

    @property
    def model_name(self) -> str:
        return self.name

    @property
    def provider_name(self) -> str:
        return SCRIPTED

    @property
    def provider_url(self) -> None:
        return None

    @property
    def timestamp(self) -> datetime:
        return self.started


def _usage(given: dict[str, int]) -> RequestUsage:
    reasoning = given.pop("reasoning_tokens")
    details = {"reasoning_tokens": reasoning} if reasoning else {}
    return RequestUsage(**given, output_reasoning_tokens=reasoning, details=details)


async def _pause(milliseconds: float, number: int) -> None:
    # Without a pause the loop still gets its turn now and then.
    if milliseconds > 0 or number % _BURST == _BURST - 1:
        await asyncio.sleep(milliseconds / 1000)
