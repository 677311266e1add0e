"""One posted chat request: what it asks for, done through the services, and the stream it gets."""

from collections.abc import Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agentserver.access.principal import Principal
from agentserver.core.errors import BadRequest, Conflict, NotFound
from agentserver.core.ids import optional_id
from agentserver.protocols.ai_sdk import decode
from agentserver.protocols.ai_sdk.decode import Answer, Posted
from agentserver.protocols.ai_sdk.files import check_files
from agentserver.protocols.ai_sdk.wire import ChatRequest
from runs import services
from runs.events import log
from runs.events.types import Record, RunSuspended, ToolCallFinished
from runs.models import Run, ToolCall
from runs.services import Cut, Decided
from threads.access import get_thread_for
from threads.models import Message, Thread
from threads.services import NewMessage, thread_not_found

if TYPE_CHECKING:
    from django.db.models import QuerySet

NOTHING_NEW = "no new messages or interaction responses"


@dataclass(frozen=True)
class Turn:
    """The run to stream. `fresh` when it was made just now; `after_seq` is what the client holds
    of the message already."""

    run_id: str
    fresh: bool = False
    after_seq: int = 0


def take_turn(
    *, principal: Principal, body: ChatRequest, thread_id: str | None, agent_id: str | None
) -> Turn:
    """Starts, restarts or continues a run; ids of the path go before those of the body.

    `BadRequest` when the request holds nothing to do, `NotFound` for a thread of somebody else,
    `Conflict` when the run under way does not let go of the thread.
    """
    wanted = thread_id or _thread_id(body)
    request = _Request(principal, body, wanted, agent_id or _checked_agent(body))
    return request.turn()


def _thread_id(body: ChatRequest) -> str | None:
    return optional_id(body.thread_id, what="threadId") or optional_id(body.id, what="id")


def _checked_agent(body: ChatRequest) -> str | None:
    return optional_id(body.agent_id, what="agentId")


class _Request:
    def __init__(
        self, principal: Principal, body: ChatRequest, thread_id: str | None, agent_id: str | None
    ) -> None:
        self.principal = principal
        self.body = body
        self.thread_id = thread_id
        self.agent_id = agent_id
        self.posted: Sequence[Posted] = body.posted
        self.thread = self._existing_thread()

    def _existing_thread(self) -> Thread | None:
        if self.thread_id is None:
            return None
        with suppress(NotFound):
            return get_thread_for(self.principal, self.thread_id)
        # Unknown, or somebody else's: which of the two, the submission finds out.
        return None

    def turn(self) -> Turn:
        stored = self._stored_ids()
        if self.body.regenerates:
            return self._regenerate(stored)
        edited = self._edited(stored)
        if edited is not None:
            cut = Cut(message_id=edited.id, inclusive=True)
            return self._submit([edited], cut)
        messages = decode.new_messages(self.posted, stored=stored)
        if messages:
            return self._submit(messages, None)
        return self._continue(decode.answers(self.posted))

    def _stored_ids(self) -> frozenset[str]:
        """Which of the posted messages the thread has; of a run the message bears the run's id."""
        if self.thread is None:
            return frozenset()
        ids = [each["id"] for each in self.posted if isinstance(each.get("id"), str)]
        rows = Message.objects.filter(thread=self.thread, message_id__in=ids)
        runs = Run.objects.filter(thread=self.thread, pk__in=ids)
        stored = {*rows.values_list("message_id", flat=True), *runs.values_list("pk", flat=True)}
        return frozenset(stored)

    # --- new runs ------------------------------------------------------------------------------

    def _submit(self, messages: Sequence[NewMessage], cut: Cut | None) -> Turn:
        tools = self.body.tools
        submitted = services.submit_foreground(
            services.Input(
                principal=self.principal,
                thread_id=self.thread_id,
                agent_id=self.agent_id,
                messages=[*decode.context_message(self.body.state), *messages],
                extras={"frontend_tools": tools} if tools else {},
                cut=cut,
            )
        )
        return Turn(submitted.run.pk, fresh=True)

    def _edited(self, stored: frozenset[str]) -> NewMessage | None:
        """The last message, when it is said to replace the stored one with its id."""
        last = self.posted[-1] if self.posted else {}
        is_edit = last.get("role") == "user" and last.get("id") == self.body.message_id
        if not is_edit or not decode.is_stored(last, stored):
            return None
        edited = decode.new_message(last)
        if edited is None:
            raise BadRequest(NOTHING_NEW)
        check_files(edited.content)
        return edited

    def _regenerate(self, stored: frozenset[str]) -> Turn:
        """The answer is taken back to the last message that the client kept."""
        known = [each["id"] for each in self.posted if decode.is_stored(each, stored)]
        messages = decode.new_messages(self.posted, stored=stored)
        cut = next(filter(None, map(self._cut_behind, reversed(known))), None)
        if cut is None and not messages:
            cut = self._cut_answer()
        if cut is None and not messages:
            raise BadRequest(NOTHING_NEW)
        return self._submit(messages, cut)

    def _cut_behind(self, posted_id: str) -> Cut | None:
        last = self._rows_of(posted_id).order_by("-seq").first()
        return Cut(message_id=last.message_id, inclusive=False) if last else None

    def _cut_answer(self) -> Cut | None:
        """Nothing was posted but the id of the answer, or not even that."""
        if self.thread is None:
            return None
        if self.body.message_id:
            first = self._rows_of(self.body.message_id).order_by("seq").first()
            if first is not None:
                return Cut(message_id=first.message_id, inclusive=first.role != "user")
        asked = Message.objects.filter(thread=self.thread, role="user").external()
        last = asked.order_by("-seq").first()
        return Cut(message_id=last.message_id, inclusive=False) if last else None

    def _rows_of(self, posted_id: str) -> "QuerySet[Message]":
        """The stored messages that one UI message stands for."""
        rows = Message.objects.filter(thread=self.thread)
        own = rows.filter(message_id=posted_id)
        spoken = rows.filter(run_id=posted_id, role__in=["assistant", "tool"])
        return own if own.exists() else spoken

    # --- going on ------------------------------------------------------------------------------

    def _continue(self, answers: Sequence[Answer]) -> Turn:
        run, calls = self._asked(answers)
        if run is None:
            raise BadRequest(NOTHING_NEW)
        waiting = {call.call_id: call for call in calls if call.status == ToolCall.Status.SUSPENDED}
        decided = [
            decision
            for answer in answers
            if answer.call_id in waiting
            if (decision := decode.decision(answer, waiting[answer.call_id]))
        ]
        if waiting and not decided:
            raise BadRequest(NOTHING_NEW)
        asked = {call.call_id for call in calls}
        settled = {answer.call_id for answer in answers} - asked
        seen = held_until(log.read(run.pk), asked, settled)
        if decided:
            self._decide(run, decided)
        return Turn(run.pk, after_seq=seen)

    def _asked(self, answers: Sequence[Answer]) -> tuple[Run | None, list[ToolCall]]:
        """The thread's latest run, and those of its calls that asked what is answered here.

        They may have been answered elsewhere before: then the client only gets what it missed.
        """
        if self.thread is None or not answers:
            return None, []
        run = Run.objects.filter(thread=self.thread, turn__isnull=False).order_by("-turn").first()
        ids = [answer.call_id for answer in answers]
        calls = ToolCall.objects.filter(run=run, call_id__in=ids, suspension__isnull=False)
        states = {answer.call_id: answer.state for answer in answers}
        asked = [call for call in calls if decode.fits(call, states[call.call_id])]
        return (run, asked) if asked else (None, [])

    def _decide(self, run: Run, decided: Sequence[Decided]) -> None:
        """An answer that somebody else gave first stands; this client is shown what came of it."""
        try:
            services.submit_decisions(
                principal=self.principal,
                any_id=run.pk,
                decisions=decided,
                missing=thread_not_found(run.thread_id),
            )
        except Conflict as error:
            if error.code != "already_decided":
                raise


def held_until(
    records: Sequence[Record], call_ids: set[str], settled: Set[str] = frozenset()
) -> int:
    """The seq of the suspension at which a client was asked about these calls: it holds what came
    up to there. Not one at which calls were open that it knows to be ``settled``. 0 when it was
    never asked."""
    asked: dict[str, str] = {}
    for record in records:
        event = record.event
        if isinstance(event, ToolCallFinished) and event.suspension is not None:
            asked[event.suspension.ticket_id] = event.call_id
        elif isinstance(event, RunSuspended):
            tickets = {asked.get(ticket.ticket_id) for ticket in event.tickets}
            if tickets & call_ids and not tickets & settled:
                return record.seq
    return 0
