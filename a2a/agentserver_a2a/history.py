"""The history of tasks: what a run was asked and what it said, as A2A messages."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from django.db.models import Q

from agentserver.core.errors import Conflict
from agentserver_a2a.parts import answer_parts, blocks_of, parts_of, unsaid
from agentserver_a2a.wire import Message as Sent
from runs.models import Run
from threads.models import Message

Json = dict[str, Any]

KEPT: Final = "a2a"
"""The key in a stored message's metadata under which the rest of an A2A message is kept."""

KEY: Final = "idempotencyKey"
"""In there: the key that an answer to an interrupted task came with."""


def kept(message: Sent) -> Json:
    """What the content of a stored message does not say of the message that was sent."""
    rest = {
        "messageId": message.message_id,
        "metadata": message.metadata,
        "extensions": list(message.extensions),
        "referenceTaskIds": list(message.reference_task_ids),
        "parts": unsaid(message.parts),
    }
    return {key: value for key, value in rest.items() if value}


def answered_before(run: Run, message: Sent, key: str) -> bool:
    """Whether the run was given this answer under this key already. An answer that is repeated must
    not answer what the run has asked since. `Conflict` for another message under the key."""
    rows = Message.objects.filter(run_id=run.pk, role=Message.Role.USER)
    earlier = next((row for row in rows if _rest(row).get(KEY) == key), None)
    if earlier is not None and earlier.content != blocks_of(message.parts):
        raise Conflict("the idempotency key was used with another body", code="idempotency_key")
    return earlier is not None


def messages_of(runs: Sequence[Run]) -> dict[str, list[Message]]:
    """By run id: its visible user and assistant messages in order. Two queries at most.

    A run that answers a message of an earlier one (a regeneration) begins with that.
    """
    found: dict[str, list[Message]] = {run.pk: [] for run in runs}
    rows = Message.objects.external().filter(run_id__in=found, role__in=["user", "assistant"])
    for row in rows.order_by("run_id", "seq"):
        found[row.run_id].append(row)
    _add_borrowed(found, runs)
    return found


def _add_borrowed(found: dict[str, list[Message]], runs: Iterable[Run]) -> None:
    # A message may be answered any number of times.
    places: dict[tuple[str, int], list[str]] = {}
    for run in runs:
        if run.input_from_seq and not any(row.role == "user" for row in found[run.pk]):
            places.setdefault((run.thread_id, run.input_from_seq), []).append(run.pk)
    wanted = Q()
    for thread_id, seq in places:
        wanted |= Q(thread_id=thread_id, seq=seq)
    for row in Message.objects.external().filter(wanted, role="user") if places else ():
        for run_id in places[row.thread_id, row.seq]:
            found[run_id].insert(0, row)


def history_of(run: Run, rows: Iterable[Message], length: int | None) -> list[Json]:
    """The newest ``length`` messages (None: all), the oldest first."""
    messages = [message for row in rows if (message := message_json(run, row))]
    return messages if length is None else messages[max(len(messages) - length, 0) :]


def message_json(run: Run, row: Message) -> Json | None:
    """The message as it was sent, or said; None when nothing of it has a form in A2A."""
    rest = _rest(row)
    by_user = row.role == Message.Role.USER
    parts = parts_of(row.content, rest.get("parts")) if by_user else answer_parts(row.content)
    if not parts:
        return None
    message: Json = {
        "messageId": rest.get("messageId") or row.message_id,
        "contextId": run.thread_id,
        "taskId": run.pk,
        "role": "ROLE_USER" if by_user else "ROLE_AGENT",
        "parts": parts,
    }
    return message | {key: rest[key] for key in _AS_SENT if key in rest}


_AS_SENT: Final = ("metadata", "extensions", "referenceTaskIds")


def _rest(row: Message) -> Mapping[str, Any]:
    """Only a message of a user: nobody else's metadata is in the form of `kept`."""
    rest = row.metadata.get(KEPT) if row.role == Message.Role.USER else None
    return rest if isinstance(rest, dict) else {}
