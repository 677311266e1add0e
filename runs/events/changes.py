"""Light notices that a row changed, for pages that show lists live."""

from runs.events.live import CHANGES, channel


def announce_change(kind: str, identifier: str, **what: str | int | None) -> None:
    """Tell live pages that a row changed: `kind` is ``runs``, ``threads`` or ``mailbox``.

    Call it after commit. Never blocks, never raises.
    """
    channel().notify(CHANGES, {"channel": kind, "id": identifier, **what})
