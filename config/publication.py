"""Publishing: all visible documents compiled into the next snapshot. Callers hold the lock."""

from django.db import connection, transaction

from config import registry
from config.compile import Compiled, check, fingerprint, read_specs
from config.models import Entry, EntryRevision, Snapshot
from config.namespaces import NAMESPACES

# Any number that no other advisory lock of this product uses.
_LOCK = 7_302_511_946


def lock_configuration() -> None:
    """Serialise writers until the surrounding transaction ends.

    SQLite transactions here are IMMEDIATE, which excludes other writers by itself.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def publish(*, actor: str) -> int:
    """The version that is live once the transaction commits; a new one only if documents changed.

    Raises `InvalidConfig`, after which the caller's transaction must be rolled back.
    """
    compiled = compile_entries()
    specs = read_specs(compiled)
    check(specs)
    newest = Snapshot.objects.order_by("-version").defer("compiled").first()
    mark = fingerprint(compiled)
    if newest is not None and newest.fingerprint == mark:
        return newest.version
    version = newest.version + 1 if newest else 1
    Snapshot.objects.create(version=version, fingerprint=mark, compiled=compiled)
    EntryRevision.objects.create(
        action=EntryRevision.Action.PUBLISH,
        revision=version,
        actor=actor,
        after={"version": version, "fingerprint": mark},
    )
    published = registry.Registry(version, compiled, specs)
    transaction.on_commit(lambda: registry.install(published))
    return version


def compile_entries() -> Compiled:
    compiled: Compiled = {name: {} for name in NAMESPACES}
    rows = Entry.objects.visible().order_by("namespace", "key")
    for namespace, key, spec, secrets in rows.values_list("namespace", "key", "spec", "secrets"):
        compiled.setdefault(namespace, {})[key] = {"spec": spec, "secrets": secrets}
    return compiled
