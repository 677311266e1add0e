"""One turn with a remote agent: send or join, follow to the end or a question, survive the rest."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any, Final

import httpx

from agentserver.core.clock import now
from agentserver.core.egress import guarded_client
from agentserver_a2a.client import abandoned, cards, records
from agentserver_a2a.client.answer import ENDED, INTERRUPTED, Answer, state_of
from agentserver_a2a.client.calls import CALL_SECONDS, IDLE_SECONDS, Calls, Update
from agentserver_a2a.client.failures import NotOffered, translated
from agentserver_a2a.client.words import message_of
from agentserver_a2a.models import RemoteTask
from config.specs import Endpoint
from runs.providers.errors import ProviderError
from runs.providers.remote import AnswerReplaced, RemoteEvent, RemoteTurn

MAX_STREAM_BYTES: Final = 64 * 1024 * 1024
CONNECT_SECONDS: Final = 10.0
POLL_MS: Final = 2_000
FIRST_PAUSE: Final = 0.2
LONGEST_PAUSE: Final = 5.0
LAST_SECONDS: Final = 2.0
UNREADABLE: Final = 5
"""So many answers in a row that make no sense end the turn; a silent server is waited for."""


class A2ABackend:
    """Remote agents that speak A2A (`runs.providers.remote.RemoteBackend`)."""

    async def turn(self, turn: RemoteTurn) -> AsyncGenerator[RemoteEvent, None]:
        try:
            async with http_client() as http:
                peer = await peer_of(http, turn.endpoint)
                async with aclosing(_Turn(turn, Calls(http, peer), peer).events()) as events:
                    async for event in events:
                        yield event
        finally:
            if turn.is_cancelled():
                abandoned.hurry(turn.run_id)


def http_client() -> httpx.AsyncClient:
    timeout = httpx.Timeout(IDLE_SECONDS, connect=CONNECT_SECONDS)
    return guarded_client(timeout=timeout, max_bytes=MAX_STREAM_BYTES)


async def peer_of(http: httpx.AsyncClient, endpoint: Endpoint) -> cards.Peer:
    secrets = [value.removeprefix("Bearer ") for value in cards.bearer(endpoint).values()]
    try:
        async with asyncio.timeout(2 * cards.CARD_SECONDS):
            return await cards.find(http, endpoint)
    except Exception as error:
        raise translated(error, secrets=secrets) from error


class _Turn:
    """`_row` is the task's row once there is one; `_deadline` is the loop's time."""

    def __init__(self, turn: RemoteTurn, calls: Calls, peer: cards.Peer) -> None:
        self._turn = turn
        self._calls = calls
        self._streams = peer.streams
        self._answer = Answer(turn.agent_id)
        self._row: RemoteTask | None = None
        self._loop = asyncio.get_running_loop()
        self._deadline = self._loop.time() + turn.endpoint.timeout_ms / 1000
        self._unreadable = 0
        self._pause = FIRST_PAUSE
        self._looks_once = False

    async def events(self) -> AsyncGenerator[RemoteEvent, None]:
        try:
            async with aclosing(self._until_rest()) as updates:
                async for update in updates:
                    news = list(self._answer.take(update))
                    await self._remember()
                    for event in news:
                        yield event
        except TimeoutError:
            raise self._late() from None
        for event in self._answer.rest():
            yield event

    async def _until_rest(self) -> AsyncGenerator[Update, None]:
        """Updates until the answer says that the task is at rest."""
        beginning = await self._beginning()
        if beginning:
            async with aclosing(beginning) as updates:
                async for update in updates:
                    yield update
        while not self._answer.is_at_rest:
            async with aclosing(self._watch()) as updates:
                async for update in updates:
                    yield update

    async def _beginning(self) -> AsyncGenerator[Update, None] | None:
        """None when the turn was begun by an earlier attempt."""
        row: RemoteTask | None = await self._turn.in_db(records.latest, self._turn)
        if row and row.task_id and row.step == self._turn.step:
            self._join(row)
            return None
        if row and row.task_id and row.state in INTERRUPTED:
            return self._reply(row)
        context_id = await self._turn.in_db(records.context_of, self._turn)
        return self._send({"contextId": context_id})

    # --- beginning --------------------------------------------------------------------------------

    def _join(self, row: RemoteTask) -> None:
        """Goes on with what an earlier attempt sent; its time has been running since.

        However late it is, one look is taken: the task may have ended in time.
        """
        self._row, self._answer.said, self._answer.task_id = row, row.said, row.task_id
        self._deadline -= (now() - row.sent_at).total_seconds()
        if self._deadline <= self._loop.time():
            self._deadline = self._loop.time() + CALL_SECONDS
            self._streams, self._looks_once = False, True

    async def _reply(self, row: RemoteTask) -> AsyncGenerator[Update, None]:
        """Answers an interrupted task, unless somebody (an earlier attempt?) has done so."""
        self._row, self._answer.said = row, row.heard
        task = await self._looked_at(row.task_id)
        if state_of(task) not in INTERRUPTED:
            yield {"task": task}
            return
        try:
            ids = {"taskId": row.task_id, "contextId": row.context_id}
            async with aclosing(self._send(ids)) as updates:
                async for update in updates:
                    yield update
        except NotOffered:
            task = await self._looked_at(row.task_id)
            if state_of(task) in INTERRUPTED:
                raise
            # It went on, or ended, between the look and the answer.
            yield {"task": task}

    async def _looked_at(self, task_id: str) -> Update:
        async with asyncio.timeout_at(self._deadline):
            return await self._calls.task(task_id)

    async def _send(self, ids: dict[str, str]) -> AsyncGenerator[Update, None]:
        try:
            async with aclosing(self._sent(ids)) as updates:
                async for update in updates:
                    yield update
        except NotOffered:
            if not self._streams or self._answer.task_id:
                raise
            self._streams = False
            async with aclosing(self._sent(ids)) as updates:
                async for update in updates:
                    yield update
        except ProviderError as error:
            if not self._answer.task_id:
                raise
            await self._stumbled(error)
        if not self._answer.task_id and not self._answer.is_at_rest:
            raise ProviderError("the remote agent answered with nothing", code="protocol")

    def _sent(self, ids: dict[str, str]) -> AsyncGenerator[Update, None]:
        message = message_of(self._turn) | {name: value for name, value in ids.items() if value}
        history = _count(self._turn.endpoint, "history_length", None)
        key = f"{self._turn.run_id}:{self._turn.step}"
        updates = self._calls.send(message, key=key, streaming=self._streams, history=history)
        return self._timely(self._known_first(updates))

    async def _known_first(
        self, updates: AsyncGenerator[Update, None]
    ) -> AsyncGenerator[Update, None]:
        """A run that is cancelled while its message is on the way waits a moment for the answer:
        a task that nobody knows cannot be cancelled over there."""
        async with aclosing(updates):
            first = asyncio.ensure_future(anext(updates, None))
            try:
                update = await asyncio.shield(first)
            except asyncio.CancelledError:
                await self._last_words(first)
                raise
            while update is not None:
                yield update
                update = await anext(updates, None)

    async def _last_words(self, first: "asyncio.Future[Update | None]") -> None:
        # A run may be told to stop more than once; the call must have ended before we leave it.
        with suppress(asyncio.CancelledError):
            if self._turn.is_cancelled():
                await asyncio.wait([first], timeout=LAST_SECONDS)
        while not first.done():
            first.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([first])
        if first.cancelled() or first.exception():
            return
        with suppress(AnswerReplaced):
            list(self._answer.take(first.result() or {}))
        await self._remember()

    # --- following --------------------------------------------------------------------------------

    async def _watch(self) -> AsyncGenerator[Update, None]:
        """The rest of a task's stream, or one look at the task; then a pause."""
        try:
            if self._streams:
                async with aclosing(self._subscribed()) as updates:
                    async for update in updates:
                        yield update
            if not self._answer.is_at_rest:
                yield {"task": await self._looked_at(self._answer.task_id)}
                self._unreadable = 0
        except ProviderError as error:
            await self._stumbled(error)
        else:
            await self._rest_a_while()

    async def _subscribed(self) -> AsyncGenerator[Update, None]:
        try:
            updates = self._timely(self._calls.subscribe(self._answer.task_id))
            async with aclosing(updates):
                async for update in updates:
                    self._unreadable, self._pause = 0, FIRST_PAUSE
                    yield update
        except NotOffered:
            # It never streams, or the task has ended meanwhile: looking at it tells.
            self._streams = False

    async def _timely(self, updates: AsyncGenerator[Update, None]) -> AsyncGenerator[Update, None]:
        """Updates until the task is at rest. Raises TimeoutError at the deadline."""
        async with aclosing(updates):
            while not self._answer.is_at_rest:
                async with asyncio.timeout_at(self._deadline):
                    update = await anext(updates, None)
                if update is None:
                    return
                yield update

    async def _rest_a_while(self) -> None:
        if self._answer.is_at_rest:
            return
        if self._looks_once:
            raise TimeoutError
        seconds = self._pause
        if not self._streams:
            seconds = (_count(self._turn.endpoint, "poll_interval_ms", POLL_MS) or POLL_MS) / 1000
        async with asyncio.timeout_at(self._deadline):
            await asyncio.sleep(seconds)
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    async def _stumbled(self, error: ProviderError) -> None:
        """A task that is known goes on over there: wait for it to be reachable again."""
        self._unreadable += error.code == "protocol"
        if not error.retryable or self._unreadable > UNREADABLE:
            # Nobody can tell what a repetition would do, and a new step would send it again.
            error.retryable = False
            raise error
        async with asyncio.timeout_at(self._deadline):
            await asyncio.sleep(max(self._pause, min(error.retry_after or 0, LONGEST_PAUSE)))
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    # --- books ------------------------------------------------------------------------------------

    async def _remember(self) -> None:
        """Stores the task as soon as it is known, and where it came to rest."""
        answer, in_db = self._answer, self._turn.in_db
        if self._row and self._row.step != self._turn.step:
            await in_db(records.move_on, self._row, self._turn)
        elif not self._row and (answer.task_id or answer.is_at_rest):
            ids = {"task_id": answer.task_id, "context_id": answer.context_id}
            self._row = await in_db(records.begin, self._turn, state=answer.state, **ids)
            await self._keep_one(self._row)
        if self._row and answer.is_at_rest:
            heard = answer.text if answer.state in INTERRUPTED else ""
            ended = answer.state in ENDED
            await in_db(records.see, self._row, state=answer.state, ended=ended, heard=heard)

    async def _keep_one(self, row: RemoteTask) -> None:
        """Of two tasks for one step (an attempt that was given up stored the other) one goes."""
        if row.task_id != self._answer.task_id:
            with suppress(ProviderError):
                await self._calls.cancel(self._answer.task_id)
            raise AnswerReplaced

    def _late(self) -> ProviderError:
        limit = self._turn.endpoint.timeout_ms
        reason = f"the remote agent did not finish within {limit} ms"
        return ProviderError(reason, code="timeout", retryable=False)


def _count(endpoint: Endpoint, name: str, default: int | None) -> int | None:
    """A number among the endpoint's options, which nobody has checked."""
    value: Any = endpoint.options.get(name)
    is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return value if is_count else default
