"""Moving every stored secret to the newest encryption key, and dropping old snapshots."""

import functools
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from agentserver.core.secrets import reencrypt
from config.compile import Compiled, fingerprint
from config.models import Entry, EntryRevision, Snapshot
from config.publication import lock_configuration
from config.registry import FALLBACKS

BATCH = 200

Renew = Callable[[str], str]
_holders: dict[str, Callable[[Renew], int]] = {}


def register_secrets(name: str, holder: Callable[[Renew], int]) -> None:
    """Adds rows of another app: ``holder`` writes `renew` of each ciphertext and counts its rows.

    Called in ``AppConfig.ready``. It runs in the transaction of the whole rotation.
    """
    _holders[name] = holder


@transaction.atomic
def reencrypt_secrets() -> int:
    """Re-encrypt entries, history, snapshots and what apps registered; the number of rows written.

    Versions and revisions stay. Afterwards, once every process has reloaded, the older keys may be
    removed from ``AGENTSERVER_SECRET_KEYS``. Raises `SecretUnreadableError` and changes nothing if
    one row cannot be read.
    """
    lock_configuration()
    # One new ciphertext for each old one: the newest snapshot keeps matching the entries, so the
    # next write does not mistake the rotation for a change.
    renew = functools.cache(reencrypt)
    others = sum(holder(renew) for holder in _holders.values())
    return _entries(renew) + _revisions() + _snapshots(renew) + others


def prune_snapshots(*, keep: Collection[int] | QuerySet[Any], before: datetime) -> int:
    """Delete the snapshots that were replaced before a moment; the number of them.

    Versions to keep (numbers, or a query for them) stay, and so do the newest `FALLBACKS`: a
    process that starts may fall back on them.
    """
    versions = Snapshot.objects.order_by("-version").values_list("version", flat=True)
    # The age counts from the replacement: whoever read the version while it was live may pin it in
    # a transaction that is still open.
    live_then = versions.filter(created_at__lt=before).first()
    newest = list(versions[:FALLBACKS])
    if live_then is None:
        return 0
    old = Snapshot.objects.filter(version__lt=min(live_then, *newest)).exclude(version__in=keep)
    if not old.exists():
        return 0
    with transaction.atomic():
        # A rotation reads the snapshots one after another.
        lock_configuration()
        count, _ = old.delete()
    return count


def _entries(renew: Renew) -> int:
    rows = list(Entry.objects.exclude(secrets="").only("secrets"))
    for row in rows:
        row.secrets = renew(row.secrets)
    Entry.objects.bulk_update(rows, ["secrets"], batch_size=BATCH)
    return len(rows)


def _revisions() -> int:
    rows = list(EntryRevision.objects.exclude(full="").only("full"))
    for row in rows:
        row.full = reencrypt(row.full)
    EntryRevision.objects.bulk_update(rows, ["full"], batch_size=BATCH)
    return len(rows)


def _snapshots(renew: Renew) -> int:
    count = 0
    for version in list(Snapshot.objects.values_list("version", flat=True)):
        row = Snapshot.objects.get(version=version)
        compiled = _renewed(row.compiled, renew)
        if compiled != row.compiled:
            mark = fingerprint(compiled)
            Snapshot.objects.filter(version=version).update(compiled=compiled, fingerprint=mark)
            count += 1
    return count


def _renewed(compiled: Compiled, renew: Renew) -> Compiled:
    return {
        namespace: {
            key: {**entry, "secrets": renew(entry["secrets"]) if entry["secrets"] else ""}
            for key, entry in entries.items()
        }
        for namespace, entries in compiled.items()
    }
