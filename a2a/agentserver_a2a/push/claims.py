"""Who delivers for a config, and how far it has come. Every write names the claim it is made under.

A claim is a lease: `AGENTSERVER_LEASE_SECONDS`, renewed while it is used. A worker that was killed
stops renewing, and another goes on from `PushConfig.position`.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Q

from agentserver.core.clock import now
from agentserver.core.errors import NotFound
from agentserver.core.ids import new_id
from agentserver_a2a.models import PushConfig
from agentserver_a2a.push.configs import announce
from runs.models import Run

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
MAX_ERROR = 500


def claim(
    *, worker: str, limit: int, held: Collection[int] = (), task_ids: Collection[str] = ()
) -> list[PushConfig]:
    """Takes up to `limit` configs that have something to do, the longest due first.

    Those are the ones whose task moves, is over, or has events that were not delivered; a task that
    only waits for somebody needs nobody to watch it. `task_ids` are watched in any case: their
    configs are new. `held` are left out: this process works on them already.
    """
    moment = now()
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=moment)
    moving = Q(run__status__in=[Run.Status.RUNNING, Run.Status.DONE])
    behind = Q(run__last_seq__gt=F("position"))
    open_rows = PushConfig.objects.filter(free, state=PushConfig.State.ACTIVE)
    due = open_rows.filter(
        moving | behind | Q(run_id__in=task_ids), next_attempt_at__lte=moment
    ).exclude(pk__in=held)
    chosen = list(due.order_by("next_attempt_at").values_list("pk", flat=True)[:limit])
    if not chosen:
        return []
    # A token of its own for each claim: one that was lost and won again is another one.
    token = f"{worker[-200:]}:{new_id()}"
    open_rows.filter(pk__in=chosen).update(claimed_by=token, claimed_until=moment + _lease())
    mine = PushConfig.objects.filter(pk__in=chosen, claimed_by=token).select_related("run")
    return list(mine.defer("run__request_extras", "run__output", "run__final_output"))


def renew(*, claims: dict[int, str]) -> set[int]:
    """Extends ``{config: claim}``; returns the configs whose claim is lost."""
    held = PushConfig.objects.filter(
        pk__in=list(claims), claimed_by__in=set(claims.values()), state=PushConfig.State.ACTIVE
    )
    held.update(claimed_until=now() + _lease())
    return set(claims) - set(held.values_list("pk", flat=True))


def delivered(row: PushConfig, *, position: int, part: int, status: int) -> bool:
    """A notification arrived. False when the claim is lost: somebody else goes on."""
    return _write(
        row,
        position=position,
        part=part,
        attempts=0,
        delivered=F("delivered") + 1,
        delivered_at=now(),
        last_status=status,
        last_error="",
    )


def failed(row: PushConfig, *, status: int | None, error: str) -> datetime | None:
    """An attempt failed; gives the claim back. Returns when to try again, None for never.

    Pauses double from 1 s to 30 s; after `AGENTSERVER_PUSH_ATTEMPTS` failures in a row the config
    is dead.
    """
    fresh = PushConfig.objects.filter(pk=row.pk, claimed_by=row.claimed_by)
    before = fresh.values_list("attempts", flat=True).first()
    if before is None:
        return None
    attempts = before + 1
    columns: dict[str, Any] = {"attempts": attempts, "last_status": status}
    columns["last_error"] = error[:MAX_ERROR]
    if attempts >= settings.AGENTSERVER_PUSH_ATTEMPTS:
        _let_go(row, state=PushConfig.State.DEAD, **columns)
        return None
    again = now() + timedelta(seconds=pause(attempts))
    return again if _let_go(row, next_attempt_at=again, **columns) else None


def pause(attempts: int) -> float:
    """Seconds between attempt number `attempts` and the next."""
    doubled = FIRST_PAUSE * 2.0 ** min(attempts - 1, 10)
    return min(doubled, LONGEST_PAUSE)


def release(row: PushConfig, *, seen: int) -> None:
    """Gives the claim back; everything up to event `seen` was delivered or needs no delivery."""
    _let_go(row, position=seen, part=0)


def release_all(*, claims: dict[int, str]) -> None:
    """Gives back ``{config: claim}``, as far as they are held: another worker goes on at once."""
    held = PushConfig.objects.filter(pk__in=list(claims), claimed_by__in=set(claims.values()))
    held.update(claimed_by="", claimed_until=None)


def finish(row: PushConfig, *, seen: int) -> None:
    """The task is over and everything was delivered."""
    _let_go(row, state=PushConfig.State.DONE, position=seen, part=0)


def is_moving(run_id: str) -> bool:
    return Run.objects.filter(pk=run_id, status=Run.Status.RUNNING).exists()


def deliver_again(config_id: int) -> PushConfig:
    """Revives a config: a dead one goes on where it failed, a delivered one begins anew.

    `NotFound` when it is gone, or not at rest.
    """
    at_rest = PushConfig.objects.exclude(state=PushConfig.State.ACTIVE).filter(pk=config_id)
    row = at_rest.select_related("run").first()
    start = {"position": 0, "part": 0} if row and row.state == PushConfig.State.DONE else {}
    moment = now()
    revived = at_rest.update(
        state=PushConfig.State.ACTIVE,
        attempts=0,
        next_attempt_at=moment,
        updated_at=moment,
        **start,
    )
    if row is None or not revived:
        raise NotFound("this webhook is gone, or its delivery is under way")
    announce(row.run_id)
    return row


def _let_go(row: PushConfig, **columns: Any) -> bool:
    return _write(row, claimed_by="", claimed_until=None, **columns)


def _write(row: PushConfig, **columns: Any) -> bool:
    rows = PushConfig.objects.filter(
        pk=row.pk, claimed_by=row.claimed_by, state=PushConfig.State.ACTIVE
    )
    return bool(rows.update(updated_at=now(), **columns))


def _lease() -> timedelta:
    return timedelta(seconds=settings.AGENTSERVER_LEASE_SECONDS)


def tokens(rows: Sequence[PushConfig]) -> dict[int, str]:
    """What `renew` takes."""
    return {row.pk: row.claimed_by for row in rows}
