"""What a running tool knows about its call, and how it speaks to whoever watches."""

import copy
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import JsonValue, ValidationError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from runs.events.types import (
    ActivityDelta,
    ActivitySnapshot,
    ArtifactUpdated,
    DataProduced,
    StateDelta,
    StateSnapshot,
    Suspension,
    ToolCallOutput,
    ToolCallProgress,
)
from runs.tools.content import artifact_part
from runs.tools.errors import CallCancelled, ToolError
from runs.tools.gate import Emit, Gate
from runs.tools.json_patch import PatchError, apply_patch
from runs.tools.progress import finite, is_visible
from runs.tools.questions import Answer, Decision, Questions


def _never() -> bool:
    return False


class ToolContext:
    """One execution of one call, handed to a tool that has a parameter annotated `ToolContext`.

    Every method may be called from any thread and returns at once. Events go to `emit` in the order
    of the calls; after the call has ended (also by timeout or cancellation) they are dropped, so an
    abandoned thread cannot speak into a later step. A call may produce 10 000 events and 8 Mi
    characters; beyond that progress is dropped and everything else raises `ToolError`.
    """

    def __init__(
        self,
        *,
        run_id: str,
        thread_id: str,
        agent_id: str,
        call_id: str,
        tool_name: str,
        emit: Emit,
        arguments: JsonValue = None,
        resource_id: str = "",
        attempt: int = 1,
        decision: Decision | None = None,
        answers: Sequence[Answer] = (),
        state: Mapping[str, Any] | None = None,
        is_cancelled: Callable[[], bool] = _never,
    ) -> None:
        self.run_id = run_id
        self.thread_id = thread_id
        self.agent_id = agent_id
        self.call_id = call_id
        self.tool_name = tool_name
        self.arguments = arguments
        self.resource_id = resource_id
        self.attempt = attempt
        self.decision = decision
        self._questions = Questions(call_id, decision, answers)
        self._state: dict[str, Any] = copy.deepcopy(dict(state or {}))
        self.gate = Gate(emit)
        self._is_cancelled = is_cancelled
        self._artifacts = 0
        self._shown: ToolCallProgress | None = None

    # --- cancellation -----------------------------------------------------------------------

    @property
    def cancelled(self) -> bool:
        """Whether the result is no longer wanted; long tools look here now and then."""
        return self.gate.is_closed or self._is_cancelled()

    def raise_if_cancelled(self) -> None:
        if self.cancelled:
            raise CallCancelled(self.call_id)

    # --- shared state -----------------------------------------------------------------------

    @property
    def state(self) -> Mapping[str, Any]:
        """The thread's shared state as this call sees it; a copy, changed only by `set_state`."""
        with self.gate.lock:
            return MappingProxyType(copy.deepcopy(self._state))

    def set_state(self, change: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        """Replace the shared state (a mapping) or patch it (a list of RFC 6902 operations).

        Raises `ToolError` when the patch does not apply or the state is no longer an object.
        """
        plain = _plain(change)
        with self.gate.lock:
            if isinstance(plain, dict):
                self.gate.send(StateSnapshot(snapshot=plain), _weight(plain))
                self._state = copy.deepcopy(plain)
                return
            patched = self._patched(plain)
            self.gate.send(StateDelta(delta=plain), _weight(plain))
            self._state = patched

    def _patched(self, operations: Any) -> dict[str, Any]:
        if not _are_operations(operations):
            raise ToolError("set_state takes an object or a list of JSON Patch operations")
        try:
            patched = apply_patch(self._state, operations)
        except PatchError as error:
            raise ToolError(f"the state patch does not apply: {error}") from None
        if not isinstance(patched, dict):
            raise ToolError("the shared state must stay an object")
        return patched

    # --- what viewers see -------------------------------------------------------------------

    def progress(
        self,
        fraction: float | None = None,
        *,
        loaded: float | None = None,
        total: float | None = None,
        message: str | None = None,
    ) -> None:
        """How far the call is: `fraction` from 0 to 1, or `loaded` of `total` in any unit."""
        if fraction is None and loaded is not None and total:
            fraction = loaded / total
        event = ToolCallProgress(
            call_id=self.call_id,
            name=self.tool_name,
            status="running",
            progress=None if fraction is None else min(max(finite(fraction), 0.0), 1.0),
            loaded=None if loaded is None else finite(loaded),
            total=None if total is None else finite(total),
            message=message,
        )
        self._report(event)

    def _report(self, event: ToolCallProgress) -> None:
        with self.gate.lock:
            # A loop that reports every item costs one event per visible step, not one per item.
            if self._shown is None or is_visible(self._shown, event):
                self._shown = event
                self.gate.send(event, len(event.message or ""), optional=True)

    def output(self, text: str) -> None:
        """Stream output before the result: a log line, a chunk of generated text."""
        if text:
            event = ToolCallOutput(call_id=self.call_id, name=self.tool_name, delta=text)
            self.gate.send(event, len(text))

    def artifact(
        self,
        *parts: Any,
        artifact_id: str | None = None,
        name: str | None = None,
        description: str | None = None,
        append: bool = False,
        last_chunk: bool = True,
        metadata: Mapping[str, Any] | None = None,
    ) -> str:
        """Publish (a piece of) an artifact and return its id, which further pieces pass back.

        A part is text, a content block, or ``{"type": "data", "data": ...}``.
        """
        with self.gate.lock:
            if artifact_id is None:
                # By number, not by chance: an execution after a crash or a decision updates the
                # same artifacts.
                self._artifacts += 1
                artifact_id = f"artifact_{self.call_id}_{self._artifacts}"
            event = ArtifactUpdated(
                artifact_id=artifact_id,
                name=name,
                description=description,
                parts=[_part(part) for part in parts],
                append=append,
                last_chunk=last_chunk,
                metadata=_plain(dict(metadata or {})),
            )
            self.gate.send(event, _weight(event.parts))
        return artifact_id

    def data(
        self, name: str, data: Any, *, data_id: str | None = None, transient: bool = False
    ) -> None:
        """Application data for the client; the same `data_id` again replaces what it showed."""
        plain = _plain(data)
        event = DataProduced(name=name, data=plain, data_id=data_id, transient=transient)
        self.gate.send(event, _weight(plain))

    def activity(
        self,
        activity_type: str,
        content: Mapping[str, Any] | None = None,
        *,
        patch: Sequence[Mapping[str, Any]] | None = None,
        activity_id: str | None = None,
        replace: bool = True,
    ) -> str:
        """Show an activity (`content`), or change one shown before (`patch`, RFC 6902).

        Returns the activity's id: one per call and type unless given.
        """
        if (content is None) == (patch is None):
            raise ToolError("activity takes either content or patch")
        chosen = activity_id or f"activity_{self.call_id}_{activity_type}"
        plain = _plain(content if patch is None else patch)
        self.gate.send(_activity(chosen, activity_type, plain, replace), _weight(plain))
        return chosen

    # --- questions --------------------------------------------------------------------------

    def ask(
        self,
        message: str,
        *,
        response_schema: Mapping[str, Any] | None = None,
        parameters: Any = None,
        action: str | None = None,
    ) -> Any:
        """Ask a person and return the answer, checked against `response_schema`.

        The first execution ends here: the run waits without holding a worker. After the answer the
        tool is executed again from its start and `ask` returns, so whatever stands before it must
        bear repetition. Several questions are told apart by their order.
        """
        with self.gate.lock:
            ticket_id = self._questions.next_ticket()
        expected = None if response_schema is None else _plain(response_schema)
        if self._questions.is_answered(ticket_id):
            return self._questions.answer(ticket_id, expected)
        question = Suspension(
            ticket_id=ticket_id,
            kind="question",
            action=action or f"tool:{self.tool_name}",
            message=message,
            parameters=_plain(parameters),
            response_schema=expected,
            pending_id=self.call_id,
            pending_name=self.tool_name,
            pending_arguments=self.arguments,
            resume_mode="pass_decision_to_tool",
        )
        raise self._questions.suspend(question)


def _plain(value: Any) -> Any:
    try:
        plain = dict(value) if isinstance(value, Mapping) else value
        return to_jsonable_python(plain, inf_nan_mode="null")
    except (PydanticSerializationError, ValueError, TypeError) as error:
        raise ToolError(f"not a JSON value: {error}") from None


def _activity(
    activity_id: str, activity_type: str, plain: Any, replace: bool
) -> ActivitySnapshot | ActivityDelta:
    try:
        if isinstance(plain, list):
            return ActivityDelta(activity_id=activity_id, activity_type=activity_type, patch=plain)
        return ActivitySnapshot(
            activity_id=activity_id, activity_type=activity_type, content=plain, replace=replace
        )
    except ValidationError:
        raise ToolError("an activity is an object, its patch a list of operations") from None


def _are_operations(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, dict) for each in value)


def _part(part: Any) -> dict[str, JsonValue]:
    try:
        return artifact_part(part)
    except ValidationError as error:
        reason = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise ToolError(f"invalid artifact part: {reason}") from None


def _weight(value: Any) -> int:
    return len(str(value))
