"""Writes to the catalogue. Each is a conditional update: what was found out about a server that was
reconfigured, restarted or deleted meanwhile changes nothing."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q

from agentserver.core.clock import now
from agentserver.core.errors import ApiError
from agentserver_mcp.client.identity import address_of, fingerprint_of
from agentserver_mcp.client.inventory import Inventory
from agentserver_mcp.models import DiscoveryLease, ServerCatalog, ServerInventory
from config.registry import Registry
from config.specs import McpServerSpec

State = ServerCatalog.State

# Without a restart policy: after 1, 2, 4, 8 and 16 s, then never again by itself.
ATTEMPTS = 5
FIRST_DELAY = 1.0
_UNREADABLE = "unreadable"


# --- who looks after the servers ----------------------------------------------------------------


def hold_lease(worker_id: str) -> bool:
    """Takes or prolongs the lease on discovery; False while another process has it."""
    moment = now()
    until = moment + timedelta(seconds=settings.AGENTSERVER_LEASE_SECONDS)
    rows = DiscoveryLease.objects.filter(Q(holder=worker_id) | Q(until__lt=moment))
    if rows.update(holder=worker_id, until=until):
        return True
    if DiscoveryLease.objects.exists():
        return False
    try:
        with transaction.atomic():
            DiscoveryLease.objects.create(holder=worker_id, until=until)
    except IntegrityError:
        return False
    return True


def release_lease(worker_id: str) -> None:
    DiscoveryLease.objects.filter(holder=worker_id).update(until=now())


# --- rows as the configuration wants them ---------------------------------------------------------


def synchronise(registry: Registry) -> None:
    """One row per configured server. One that lies elsewhere now loses its inventory at once; one
    whose connection changed in another way keeps it until it was asked again."""
    ServerCatalog.objects.exclude(server_id__in=registry.mcp_servers).delete()
    rows = {row.server_id: row for row in ServerCatalog.objects.all()}
    for server_id, spec in registry.mcp_servers.items():
        row, address, mark = rows.get(server_id), address_of(spec), fingerprint(registry, server_id)
        if row is None:
            ServerCatalog.objects.create(server_id=server_id, address=address, fingerprint=mark)
        elif row.address != address:
            _reset(server_id, address, mark)
        elif row.fingerprint != mark:
            _start_over(server_id, fingerprint=mark)


def fingerprint(registry: Registry, server_id: str) -> str:
    try:
        return fingerprint_of(registry.mcp_server_with_secrets(server_id))
    except ApiError:
        # The next attempt to connect says so; here it only must not harm the other servers.
        return _UNREADABLE


@transaction.atomic
def _reset(server_id: str, address: str, mark: str) -> None:
    ServerInventory.objects.filter(catalog_id=server_id).delete()
    _start_over(
        server_id,
        **{"address": address, "fingerprint": mark, "inventory_hash": ""},
        **{"tool_count": 0, "problems": []},
    )


def _start_over(server_id: str, **columns: object) -> int:
    return ServerCatalog.objects.filter(server_id=server_id).update(
        state=State.PENDING,
        last_error="",
        consecutive_failures=0,
        permanently_failed=False,
        wanted=True,
        next_attempt_at=now(),
        **columns,
    )


# --- wishes of others -----------------------------------------------------------------------------


def restart(server_id: str) -> bool:
    """Every process gives its connection up, and discovery begins anew; False for no such row."""
    return _start_over(server_id, restarts=F("restarts") + 1) > 0


def want_refresh(server_ids: Collection[str]) -> None:
    """Ahead of the regular time, unless the server has been given up."""
    rows = ServerCatalog.objects.filter(server_id__in=server_ids, wanted=False)
    rows.update(wanted=True)


def revive(server_ids: Collection[str]) -> None:
    """A call has reached servers: those that discovery gave up are asked again."""
    rows = ServerCatalog.objects.filter(server_id__in=server_ids, state=State.FAILED)
    rows.update(permanently_failed=False, consecutive_failures=0, wanted=True)


def due() -> list[str]:
    """Servers to ask now: wanted or at their time, but not those that wait for a restart."""
    rows = ServerCatalog.objects.filter(permanently_failed=False)
    waiting = Q(state=State.FAILED, next_attempt_at__gt=now())
    wanted = Q(wanted=True) | Q(next_attempt_at__lte=now())
    return list(rows.filter(wanted).exclude(waiting).values_list("server_id", flat=True))


def restarts() -> dict[str, int]:
    return dict(ServerCatalog.objects.values_list("server_id", "restarts"))


# --- what discovery found -------------------------------------------------------------------------


def begin(server_id: str, mark: str) -> int | None:
    """Marks the attempt; the number of restarts it belongs to, None when the row is another's."""
    rows = ServerCatalog.objects.filter(server_id=server_id, fingerprint=mark)
    if not rows.update(wanted=False, last_attempt_at=now(), next_attempt_at=_regular()):
        return None
    return rows.values_list("restarts", flat=True).first()


@transaction.atomic
def succeed(
    server_id: str, mark: str, *, restarts: int, found: Inventory, new_session: bool
) -> None:
    """Stores the inventory when it is another one, and the state in any case."""
    row = (
        ServerCatalog.objects.select_for_update()
        .filter(server_id=server_id, fingerprint=mark, restarts=restarts)
        .first()
    )
    if row is None:
        return
    content = found.mark()
    if row.inventory_hash != content:
        _replace_inventory(row, found, content)
    if new_session:
        row.reconnects += 1 if row.session_generation else 0
        row.session_generation += 1
        row.last_init_at = now()
    row.state, row.last_error, row.consecutive_failures = State.CONNECTED, "", 0
    row.permanently_failed, row.next_attempt_at, row.last_success_at = False, _regular(), now()
    row.protocol_version, row.problems = found.protocol_version, found.problems
    row.save(update_fields=_RESULT)


_RESULT = (
    *("state", "last_error", "consecutive_failures", "permanently_failed", "next_attempt_at"),
    *("last_success_at", "last_init_at", "session_generation", "reconnects", "problems"),
    *("protocol_version", "inventory_hash", "tool_count"),
)


def _replace_inventory(row: ServerCatalog, found: Inventory, content: str) -> None:
    ServerInventory.objects.update_or_create(
        catalog_id=row.pk,
        defaults={
            "hash": content,
            "tools": found.tools,
            "prompts": found.prompts,
            "resources": found.resources,
            "templates": found.templates,
            "fetched_at": now(),
        },
    )
    row.inventory_hash, row.tool_count = content, len(found.tools)


@transaction.atomic
def fail(
    server_id: str, mark: str, *, restarts: int, error: str, spec: McpServerSpec | None
) -> None:
    """Counts the failure; the next attempt is due after a pause, or never."""
    row = (
        ServerCatalog.objects.select_for_update()
        .filter(server_id=server_id, fingerprint=mark, restarts=restarts)
        .first()
    )
    if row is None:
        return
    row.consecutive_failures += 1
    pause = pause_after(row.consecutive_failures, spec)
    row.state, row.last_error = State.FAILED, error
    row.permanently_failed = pause is None
    row.next_attempt_at = None if pause is None else now() + timedelta(seconds=pause)
    row.save(update_fields=_RESULT)


def pause_after(failures: int, spec: McpServerSpec | None) -> float | None:
    """Seconds until the next attempt after so many failures in a row; None for no further one."""
    policy = spec.restart_policy if spec else None
    if policy is None or not policy.enabled:
        return FIRST_DELAY * 2 ** (failures - 1) if failures <= ATTEMPTS else None
    if policy.max_attempts is not None and failures > policy.max_attempts:
        return None
    # Bounded: by then a multiplier has passed the longest delay, or it is 1.
    delay = policy.delay_ms * policy.backoff_multiplier ** min(failures - 1, 64)
    return min(delay, policy.max_delay_ms) / 1000


def _regular() -> datetime:
    return now() + timedelta(seconds=settings.AGENTSERVER_MCP_REFRESH_SECONDS)
