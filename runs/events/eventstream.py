"""django-eventstream over our own log: its storage, and who may listen to which channel.

Channels: ``run-<id>`` and ``thread-<id>`` carry the events themselves and can be resumed;
``runs``, ``threads`` and ``mailbox`` say that something changed, for live pages. Nothing is written
for any of them: the storage reads the log, and `runs.events.feeds` wakes the listeners.
"""

from collections.abc import Callable, Mapping
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string
from django_eventstream.channelmanager import ChannelManagerBase
from django_eventstream.event import Event
from django_eventstream.storage import EventDoesNotExist, StorageBase

from agentserver.access.identity import identify
from agentserver.access.principal import ANONYMOUS
from agentserver.core.database import release_database
from agentserver.core.errors import (
    ApiError,
    BadRequest,
    Forbidden,
    Gone,
    NotFound,
    Unauthenticated,
)
from agentserver.core.exact_json import dumps
from runs.events import cursor, log
from runs.events.types import Record
from runs.models import Run
from threads.models import Thread

CHANGE_CHANNELS = ("runs", "threads", "mailbox")
_TURN = 2**32

Access = Callable[[HttpRequest, str], bool]


def run_of(channel: str) -> str | None:
    return channel.removeprefix("run-") if channel.startswith("run-") else None


def thread_of(channel: str) -> str | None:
    return channel.removeprefix("thread-") if channel.startswith("thread-") else None


class LogStorage(StorageBase):  # type: ignore[misc]
    """Reads the log. An id is the seq on a run's channel, turn and seq in one on a thread's."""

    def append_event(self, channel: str, event_type: str, data: Any) -> Event:
        """Writes nothing: an event of a run is in the log already."""
        return Event(channel, event_type, data, id=self.get_current_id(channel))

    def get_events(self, channel: str, last_id: int, limit: int = 100) -> list[Event]:
        """EventDoesNotExist, which makes the client start over, for a position that is gone."""
        try:
            return self._read(channel, last_id, limit)
        except (BadRequest, Gone, NotFound) as error:
            raise EventDoesNotExist(error.message, self._newest(channel)) from None
        finally:
            release_database()

    def get_current_id(self, channel: str) -> int:
        try:
            return self._newest(channel)
        finally:
            release_database()

    def _read(self, channel: str, last_id: int, limit: int) -> list[Event]:
        if run_id := run_of(channel):
            return self._run_events(channel, run_id, last_id, limit)
        if thread_id := thread_of(channel):
            return self._thread_events(channel, thread_id, last_id, limit)
        return []

    def _newest(self, channel: str) -> int:
        if run_id := run_of(channel):
            return log.last_seq(run_id)
        if thread_id := thread_of(channel):
            turn, seq = log.thread_end(thread_id)
            return turn * _TURN + seq
        return 0

    def _run_events(self, channel: str, run_id: str, last_id: int, limit: int) -> list[Event]:
        run = Run.objects.filter(pk=run_id).first()
        if run is None:
            raise NotFound("no such run")
        seq = cursor.run_position(str(last_id), run)
        records = async_to_sync(log.so_far)(run_id, seq, limit)
        return [_event(channel, record, record.seq) for record in records]

    def _thread_events(self, channel: str, thread_id: str, last_id: int, limit: int) -> list[Event]:
        turn, seq = divmod(last_id, _TURN)
        if turn:
            cursor.thread_position(cursor.encode_thread(thread_id, turn, seq), thread_id)
        runs = Run.objects.filter(thread_id=thread_id, turn__gte=turn).order_by("turn")
        found: list[Event] = []
        for run_id, place in runs.values_list("id", "turn")[: limit + 1]:
            after, left = (seq if place == turn else 0), limit - len(found)
            if left > 0 and place is not None:
                records = async_to_sync(log.so_far)(run_id, after, left)
                found += [_event(channel, item, place * _TURN + item.seq) for item in records]
        return found


def _event(channel: str, record: Record, event_id: int) -> Event:
    return Event(channel, record.event.type, dumps(record.dump()), id=event_id)


class Channels(ChannelManagerBase):  # type: ignore[misc]
    """Asks the callable named by the setting AGENTSERVER_EVENTS_ACCESS, once per connection."""

    def get_channels_for_request(
        self, request: HttpRequest, view_kwargs: Mapping[str, Any]
    ) -> set[str]:
        """`Unauthenticated`, `Forbidden` or `NotFound` when one of the channels is refused."""
        channels = requested(request, view_kwargs)
        access = _access()
        for channel in sorted(channels):
            if not access(request, channel):
                raise _refusal(request, channel)
            if not _exists(channel):
                raise _no_such(channel)
        return channels

    def can_read_channel(self, user: Any, channel: str) -> bool:
        """Decided when the stream was opened: a user alone cannot stand for an API key."""
        return True

    def is_channel_reliable(self, channel: str) -> bool:
        return channel not in CHANGE_CHANNELS


def requested(request: HttpRequest, view_kwargs: Mapping[str, Any]) -> set[str]:
    """The channel of the path, else every ``?channel=`` of the query."""
    if channel := view_kwargs.get("channel"):
        return {channel}
    if "channels" in view_kwargs:
        return set(view_kwargs["channels"])
    return set(request.GET.getlist("channel"))


def staff_only(request: HttpRequest, channel: str) -> bool:
    """The access rule unless another is set: signed-in staff, and anybody where keys are not
    required."""
    user = getattr(request, "user", None)
    is_staff = user is not None and user.is_authenticated and user.is_active and user.is_staff
    return bool(is_staff) or not settings.AGENTSERVER_REQUIRE_KEYS


def _access() -> Access:
    named: str | None = getattr(settings, "AGENTSERVER_EVENTS_ACCESS", None)
    found: Access = import_string(named) if named else staff_only
    return found


def _exists(channel: str) -> bool:
    if run_id := run_of(channel):
        return Run.objects.filter(pk=run_id).exists()
    if thread_id := thread_of(channel):
        return Thread.objects.filter(pk=thread_id).exists()
    return channel in CHANGE_CHANNELS


def _refusal(request: HttpRequest, channel: str) -> ApiError:
    """A reader is not told whether there is such a run or thread in another resource."""
    caller, user = identify(request), getattr(request, "user", None)
    if caller is ANONYMOUS:
        caller = None
    if caller is not None and caller.has("read") and channel not in CHANGE_CHANNELS:
        return _no_such(channel)
    if caller is not None or (user is not None and user.is_authenticated):
        return Forbidden("this channel is not for you")
    return Unauthenticated("authentication is required")


def _no_such(channel: str) -> NotFound:
    return NotFound(f"no such channel: {channel}")
