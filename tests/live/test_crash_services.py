"""Redis or Postgres lose their connections, or everything they know, in the middle of a run."""

from collections.abc import Callable

import psycopg
import pytest

from tests.live.app.agents import talk
from tests.live.client import wait_for
from tests.live.conftest import Rough
from tests.live.rows import READER
from tests.live.sse import Frame, shown_text

pytestmark = pytest.mark.leg("postgres")  # the other leg has no services

IN_A_ROW = 10


class Watched:
    """A run whose viewer has seen the beginning of its text."""

    def __init__(self, rough: Rough, name: str) -> None:
        self.key = rough.key(name)
        self.run_id = rough.client.submit("live-text", self.key)
        self._watching = rough.client.watch(self.run_id)
        self.stream = self._watching.__enter__()
        self.seen: list[Frame] = []
        for frame in self.stream:
            self.seen.append(frame)
            if frame.kind == "text_delta":
                return

    def to_the_end(self) -> str:
        """The text on the viewer's screen when the stream has ended with the run."""
        try:
            self.seen += self.stream
        finally:
            self._watching.__exit__(None, None, None)
        assert self.seen[-1].kind == "run_finish"
        return shown_text(self.seen)


def test_it_survives_a_redis_that_comes_back_empty(rough: Rough) -> None:
    assert rough.redis
    watched = Watched(rough, "redis")

    rough.redis.kill()
    rough.redis.start()

    assert watched.to_the_end() == talk(watched.key)
    assert rough.client.run(watched.run_id)["termination_code"] == "natural"


def test_it_takes_up_new_runs_after_redis_came_back(rough: Rough) -> None:
    assert rough.redis
    rough.redis.kill()
    rough.redis.start()

    run_id = rough.client.submit("live-count", rough.key("after"))

    assert rough.client.wait_for_end(run_id)["termination_code"] == "natural"


def test_it_survives_the_loss_of_every_subscription_and_buffer(rough: Rough) -> None:
    assert rough.redis
    watched = Watched(rough, "flush")

    with rough.redis.client() as redis:
        redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
        redis.flushall()

    assert watched.to_the_end() == talk(watched.key)


def test_it_survives_the_end_of_every_database_session(rough: Rough) -> None:
    watched = Watched(rough, "postgres")

    _end_sessions(rough)

    assert watched.to_the_end() == talk(watched.key)
    _wait_until_steady(rough)
    rows = rough.read(watched.run_id)
    assert rows.run["termination_code"] == "natural"
    assert rows.roles == ["user", "assistant"]
    assert rows.misfold == ""


def test_it_answers_again_after_the_end_of_every_database_session(
    rough: Rough, show: Callable[[str], None]
) -> None:
    _end_sessions(rough)

    statuses = _wait_until_steady(rough)

    show(f"{statuses.count(503)} calls answered 503 after all database sessions were ended")
    assert set(statuses) <= {201, 503}


def _end_sessions(rough: Rough) -> None:
    """Of the server; not that of the reader beside it."""
    with psycopg.connect(rough.live.environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND application_name <> %s",
            [READER],
        )


def _wait_until_steady(rough: Rough) -> list[int]:
    """Calls until ten in a row succeed; the one whose transaction was ended may fail."""
    statuses: list[int] = []

    def call() -> list[int]:
        statuses.append(rough.client.http.post("/v1/threads", json={}).status_code)
        return statuses[-IN_A_ROW:]

    wait_for(call, lambda last: last == [201] * IN_A_ROW, what="ten answers in a row")
    return statuses
