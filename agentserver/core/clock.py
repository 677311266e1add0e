"""The one source of time: aware datetimes in rows, Unix milliseconds or seconds on the wire."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """The current time as an aware datetime in UTC."""
    return datetime.now(UTC)


def to_ms(moment: datetime) -> int:
    """Unix milliseconds of an aware datetime, exact (no float in between)."""
    return (moment - EPOCH) // timedelta(milliseconds=1)


def to_seconds(moment: datetime) -> int:
    """Unix seconds, rounded down."""
    return (moment - EPOCH) // timedelta(seconds=1)


def now_ms() -> int:
    return to_ms(now())


def optional_ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


def optional_seconds(moment: datetime | None) -> int | None:
    return None if moment is None else to_seconds(moment)
