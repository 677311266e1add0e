"""Moving every stored secret to the newest encryption key, and dropping old snapshots."""

import functools
from collections.abc import Callable, Collection
from datetime import datetime

from django.db import transaction

from agentserver.core.secrets import reencrypt
from config.compile import Compiled, fingerprint
from config.models import Entry, EntryRevision, Snapshot
from config.publication import lock_configuration

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


def prune_snapshots(*, keep: Collection[int], before: datetime) -> int:
    """Delete snapshots published before a moment, except the newest and the versions to keep."""
    newest = Snapshot.objects.order_by("-version").values_list("version", flat=True).first()
    old = Snapshot.objects.filter(created_at__lt=before).exclude(version__in={*keep, newest or 0})
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
