"""The companion of the worker that delivers push notifications.

Each claimed config is one task: it follows its run's log, encodes it like a stream and sends one
notification after the other, so that a webhook sees its events in order and at least once. A
failure gives the config back with the time of its next attempt; the log still has the event.
"""

import asyncio
import logging
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings

from agentserver.core.clock import now
from agentserver.core.database import DATABASE_DOWN
from agentserver.telemetry.observations import observe_webhook
from agentserver_a2a.encode import Encoder
from agentserver_a2a.models import PushConfig
from agentserver_a2a.push import claims
from agentserver_a2a.push.configs import CONTROL_KIND
from agentserver_a2a.push.post import Answer, client, post
from runs.engine.companions import Worker
from runs.engine.rhythm import every
from runs.events import log
from runs.events.live import channel

if TYPE_CHECKING:
    from datetime import datetime

    import httpx

    from runs.events.types import Record

logger = logging.getLogger(__name__)

NAME: Final = "a2a-push"
SWEEP_SECONDS = 2.0
IDLE_SECONDS = 15.0
MOST_FOLLOWED = 200
MOST_POSTS = 32


class LostClaim(Exception):
    """Somebody else delivers, or the config was replaced or deleted."""


class Failed(Exception):
    """The config was given back; there is a later attempt or none."""


async def deliver(worker: Worker) -> None:
    """The companion: runs until it is cancelled."""
    async with client() as http:
        await Deliverer(worker, http).run()


class Deliverer:
    """The configs in the hands of one process. Used on one loop."""

    def __init__(self, worker: Worker, http: "httpx.AsyncClient") -> None:
        self._worker = worker
        self._http = http
        self._rows: dict[int, PushConfig] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._posts = asyncio.Semaphore(MOST_POSTS)
        self._due = asyncio.Event()
        self._due.set()
        self._announced: set[str] = set()

    async def run(self) -> None:
        unsubscribe = channel().on_control(self._hear)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(every(settings.AGENTSERVER_LEASE_SECONDS / 3, self._renew))
                both.create_task(every(SWEEP_SECONDS, self._claim, woken_by=self._due))
        finally:
            with suppress(ValueError):  # the channel was closed before us
                unsubscribe()
            await self._stop()

    # --- claiming -------------------------------------------------------------------------------

    def _hear(self, message: dict[str, Any]) -> None:
        if message.get("kind") == CONTROL_KIND:
            self._announced.add(str(message.get("task_id")))
            self._due.set()
        elif message.get("kind") == "resync":
            self._due.set()

    async def _claim(self) -> None:
        announced, self._announced = self._announced, set()
        room = MOST_FOLLOWED - len(self._tasks)
        if room <= 0:
            return
        rows = await self._worker.in_db(
            claims.claim,
            worker=self._worker.worker_id,
            limit=room,
            held=list(self._rows),
            task_ids=announced,
        )
        for row in rows:
            self._rows[row.pk] = row
            self._tasks[row.pk] = asyncio.create_task(self._serve(row))

    async def _renew(self) -> None:
        if not self._rows:
            return
        held = claims.tokens(list(self._rows.values()))
        for pk in await self._worker.in_db(claims.renew, claims=held):
            row = self._rows.get(pk)
            # Given back and claimed anew in the meantime, it is held under another claim.
            if row and row.claimed_by == held[pk]:
                self._tasks[pk].cancel()

    async def _stop(self) -> None:
        """Ends all deliveries; others may take over at once."""
        rows, tasks = list(self._rows.values()), list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        with suppress(*DATABASE_DOWN):
            await self._worker.in_db(claims.release_all, claims=claims.tokens(rows))

    # --- one config -----------------------------------------------------------------------------

    async def _serve(self, row: PushConfig) -> None:
        try:
            await self._follow(row)
        except (LostClaim, Failed):
            pass
        except DATABASE_DOWN:
            logger.warning("webhooks: the database did not answer; a lease runs out")
        except Exception:
            # Not the webhook's fault, but trying for ever would not mend it either.
            logger.exception("webhook %s of task %s", row.config_id, row.run_id)
            with suppress(Failed):
                await self._fail(row, Answer(None, "internal error: see the log of the worker"))
        finally:
            self._rows.pop(row.pk, None)
            self._tasks.pop(row.pk, None)

    async def _follow(self, row: PushConfig) -> None:
        encoder = Encoder(row.run_id, row.run.thread_id, whole=True)
        seen = row.position
        async with aclosing(log.follow(row.run_id, heartbeat=IDLE_SECONDS)) as records:
            async for record in records:
                if record is None:
                    if not await self._worker.in_db(claims.is_moving, row.run_id):
                        await self._worker.in_db(claims.release, row, seen=seen)
                        return
                    continue
                # Also what was delivered already: the encoder needs the whole story.
                await self._send(row, record, encoder.encode(record))
                seen = max(seen, record.seq)
        await self._worker.in_db(claims.finish, row, seen=seen)

    async def _send(
        self, row: PushConfig, record: "Record", notifications: list[dict[str, Any]]
    ) -> None:
        if record.seq <= row.position:
            return
        done = row.part if record.seq == row.position + 1 else 0
        for index, notification in enumerate(notifications[done:], done + 1):
            whole = index == len(notifications)
            await self._deliver(
                row,
                notification,
                position=record.seq if whole else record.seq - 1,
                part=0 if whole else index,
            )

    async def _deliver(
        self, row: PushConfig, notification: dict[str, Any], *, position: int, part: int
    ) -> None:
        async with self._posts:
            answer = await post(self._http, row, notification)
        if answer.error:
            await self._fail(row, answer)
        observe_webhook("delivered")
        kept = await self._worker.in_db(
            claims.delivered, row, position=position, part=part, status=answer.status
        )
        if not kept:
            raise LostClaim

    async def _fail(self, row: PushConfig, answer: Answer) -> None:
        again: datetime | None = await self._worker.in_db(
            claims.failed, row, status=answer.status, error=answer.error
        )
        observe_webhook("failed")
        # The address may hold secrets and stays out of the log.
        logger.warning("webhook %s of task %s: %s", row.config_id, row.run_id, answer.error)
        if again:
            wait = max((again - now()).total_seconds(), 0)
            # A little later: clocks of loop and rows are not the same.
            asyncio.get_running_loop().call_later(wait + 0.02, self._due.set)
        raise Failed
