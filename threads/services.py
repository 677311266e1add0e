"""Writes of threads and messages. Each verb is one transaction, or part of the caller's."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, cast

from django.db import connection, transaction

from agentserver.access.principal import Principal
from agentserver.core.clock import now
from agentserver.core.errors import NotFound
from agentserver.core.ids import new_id
from agentserver.core.prepared import insert
from threads.lineage import check_parent
from threads.models import Message, Thread

if TYPE_CHECKING:
    from django.db.models import Field


class Keep(Enum):
    """Says that a value stays what it is, where None already means something."""

    KEEP = "keep"


KEEP = Keep.KEEP


@dataclass(frozen=True, kw_only=True)
class ThreadChanges:
    """`custom` is merged key by key at the top level; the others replace. None clears."""

    title: str | Keep = KEEP
    custom: Mapping[str, Any] = field(default_factory=dict)
    resource_id: str | Keep = KEEP
    parent_id: str | Keep | None = KEEP


@dataclass(frozen=True, kw_only=True)
class NewMessage:
    """A message about to be appended. `content` is a list of blocks (`threads.content`)."""

    role: str
    content: list[dict[str, Any]]
    id: str = field(default_factory=new_id)
    tool_calls: list[dict[str, Any]] = field(default_factory=list)
    tool_call_id: str = ""
    visibility: str = Message.Visibility.ALL
    step_index: int | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    created_at: datetime = field(default_factory=now)


_COPIED = tuple(column.name for column in fields(NewMessage) if column.name != "id")


@dataclass(frozen=True)
class Appended:
    """`rows` were written now, in order; `existing` were there under the same ids and stay."""

    rows: list[Message]
    existing: list[Message]


def thread_not_found(thread_id: str) -> NotFound:
    return NotFound(f"thread not found: {thread_id}")


@transaction.atomic
def create_thread(
    *,
    principal: Principal,
    title: str | None = None,
    custom: Mapping[str, Any] | None = None,
    resource_id: str | None = None,
    parent_id: str | None = None,
) -> Thread:
    """A new thread under an id of ours, in the resource the caller is bound to."""
    if parent_id is not None:
        check_parent(principal=principal, thread_id=None, parent_id=parent_id)
    moment = now()
    return Thread.objects.create(
        title=title,
        custom=dict(custom or {}),
        resource_id=principal.resource_for_new(resource_id),
        parent_id=parent_id,
        created_at=moment,
        updated_at=moment,
    )


@transaction.atomic(savepoint=False)
def ensure_thread(
    *,
    principal: Principal,
    thread_id: str | None,
    resource_id: str | None = None,
    parent_id: str | None = None,
) -> tuple[Thread, bool]:
    """The thread a submission goes to, created without a title if need be, and whether it was.

    Two submissions that name the same new thread get the same row. A thread the caller may not see
    is `NotFound`. ``resource_id`` and ``parent_id`` only count for a thread created here.
    """
    wanted = thread_id or new_id()
    thread = Thread.objects.filter(pk=wanted).first() if thread_id else None
    if thread is not None:
        return _visible(thread, principal), False
    if parent_id is not None:
        check_parent(principal=principal, thread_id=wanted, parent_id=parent_id)
    resource = principal.resource_for_new(resource_id)
    draft = Thread(pk=wanted, resource_id=resource, parent_id=parent_id)
    if thread_id is None:
        insert(draft)
        return draft, True
    # Another transaction may insert the same id first: this waits for it instead of failing.
    Thread.objects.bulk_create([draft], ignore_conflicts=True)
    stored = Thread.objects.get(pk=wanted)
    created = (stored.created_at, stored.resource_id) == (draft.created_at, draft.resource_id)
    return _visible(stored, principal), created


def _visible(thread: Thread, principal: Principal) -> Thread:
    if not principal.can_see(thread.resource_id):
        raise thread_not_found(thread.pk)
    return thread


@transaction.atomic
def update_thread(*, thread_id: str, changes: ThreadChanges, principal: Principal) -> Thread:
    """Applies ``changes`` to the locked row; without any it only moves ``updated_at``."""
    thread = Thread.objects.select_for_update().filter(pk=thread_id).first()
    if thread is None or not principal.can_see(thread.resource_id):
        raise thread_not_found(thread_id)
    if isinstance(changes.parent_id, str):
        check_parent(principal=principal, thread_id=thread_id, parent_id=changes.parent_id)
    written = {"updated_at": now(), **_columns(thread, changes, principal)}
    for name, value in written.items():
        setattr(thread, name, value)
    thread.save(update_fields=list(written))
    return thread


def _columns(thread: Thread, changes: ThreadChanges, principal: Principal) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    if changes.title is not KEEP:
        columns["title"] = changes.title
    if changes.custom:
        columns["custom"] = {**thread.custom, **changes.custom}
    if not isinstance(changes.resource_id, Keep):
        columns["resource_id"] = principal.resource_for_new(changes.resource_id)
    if changes.parent_id is not KEEP:
        columns["parent_id"] = changes.parent_id
    return columns


def delete_threads(*, ids: Collection[str]) -> int:
    """Deletes the threads with everything that hangs on them; children elsewhere are detached.

    Work under way is not looked at: whoever calls this ends it first, in the same transaction.
    """
    _, counts = Thread.objects.filter(pk__in=ids).delete()
    return counts.get(Thread._meta.label, 0)


# --- messages ------------------------------------------------------------------------------------
@transaction.atomic(savepoint=False)
def append_messages(
    *,
    thread: Thread,
    messages: Sequence[NewMessage],
    run_id: str = "",
    turn: int | None = None,
    all_new: bool = False,
    **columns: Any,
) -> Appended:
    """Appends each message once per (thread, id), however often and from wherever it is sent.

    Locks the thread row to the end of the caller's transaction. Raises `NotFound` when the thread
    is gone: appending never brings a deleted thread back. ``all_new`` promises that no id can be
    there already; ``columns`` of the thread are written along.
    """
    fresh = {message.id: message for message in messages}
    if not fresh:
        return Appended([], [])
    last = _advance(thread, len(fresh), columns)
    known = {} if all_new else _known(thread, list(fresh))
    if known:
        last = _advance(thread, -len(known), {})
    new = [message for message in fresh.values() if message.id not in known]
    first = last - len(new) + 1
    rows = [
        _row(thread, message, seq=first + index, run_id=run_id, turn=turn)
        for index, message in enumerate(new)
    ]
    thread.message_seq = last
    if rows:
        insert(*rows)
    return Appended(rows, list(known.values()))


def _known(thread: Thread, ids: list[str]) -> dict[str, Message]:
    return {row.message_id: row for row in thread.messages.filter(message_id__in=ids)}


def _advance(thread: Thread, count: int, columns: Mapping[str, Any]) -> int:
    """Moves the thread's message counter and returns it; one statement, which locks the row."""
    values = {"updated_at": now(), **columns}
    fields = [cast("Field[Any, Any]", Thread._meta.get_field(name)) for name in values]
    prepared = [
        field.get_db_prep_save(value, connection)
        for field, value in zip(fields, values.values(), strict=True)
    ]
    assignments = "".join(f", {field.column} = %s" for field in fields)
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {Thread._meta.db_table} SET message_seq = message_seq + %s{assignments}"  # noqa: S608 - names of our own columns
            " WHERE id = %s RETURNING message_seq",
            [count, *prepared, thread.pk],
        )
        row = cursor.fetchone()
    if row is None:
        raise thread_not_found(thread.pk)
    return int(row[0])


def _touch(thread: Thread, **columns: Any) -> None:
    if not Thread.objects.filter(pk=thread.pk).update(updated_at=now(), **columns):
        raise thread_not_found(thread.pk)


def _row(
    thread: Thread, message: NewMessage, *, seq: int, run_id: str, turn: int | None
) -> Message:
    columns = {name: getattr(message, name) for name in _COPIED}
    return Message(
        thread_id=thread.pk, message_id=message.id, seq=seq, turn=turn, run_id=run_id, **columns
    )


def replace_message(*, thread: Thread, message: NewMessage) -> bool:
    """Puts ``content`` and ``metadata`` in the place of a placeholder; whether there was one."""
    changed = Message.objects.filter(thread_id=thread.pk, message_id=message.id).update(
        content=message.content, metadata=message.metadata
    )
    return changed == 1


def rename_message(*, thread: Thread, message_id: str, new_id: str) -> bool:
    """Gives a message the id that a client knows it by; False when that id is taken already."""
    if Message.objects.filter(thread_id=thread.pk, message_id=new_id).exists():
        return False
    rows = Message.objects.filter(thread_id=thread.pk, message_id=message_id)
    return rows.update(message_id=new_id) == 1


def set_state(*, thread: Thread, state: Mapping[str, Any]) -> None:
    """Replaces the state that the agents of the thread share; `NotFound` when it is gone."""
    thread.state = dict(state)
    _touch(thread, state=thread.state)


@transaction.atomic
def truncate_after(*, thread: Thread, message_id: str, inclusive: bool) -> int:
    """Deletes what follows a message (and it too when ``inclusive``); how many messages went.

    Numbers are not given out again, so positions that readers hold stay true. `NotFound` when the
    thread has no such message.
    """
    _touch(thread)
    seqs = Message.objects.filter(thread_id=thread.pk, message_id=message_id)
    at = seqs.values_list("seq", flat=True).first()
    if at is None:
        raise NotFound(f"message not found: {message_id}")
    tail = Message.objects.filter(thread_id=thread.pk, seq__gte=at if inclusive else at + 1)
    return tail.delete()[0]


@transaction.atomic
def delete_messages(*, thread: Thread, message_ids: Collection[str]) -> int:
    _touch(thread)
    return Message.objects.filter(thread_id=thread.pk, message_id__in=message_ids).delete()[0]
