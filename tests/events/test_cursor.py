"""Positions as clients hold them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentserver.core.errors import ApiError, BadRequest, Gone
from runs.events import cursor
from runs.models import RunEvents
from tests.events.samples import commit, deltas, make_run, record, started, whole_run

NUMBERS = st.integers(0, 2**53)


@given(run_id=st.text(min_size=1), seq=NUMBERS)
def test_it_gives_a_run_position_back(run_id: str, seq: int) -> None:
    token = cursor.encode_run(run_id, seq)
    assert cursor.decode_run(token, run_id) == seq
    assert re.fullmatch(r"[0-9a-z.-]{1,40}", token)


@given(thread_id=st.text(min_size=1), turn=NUMBERS, seq=NUMBERS)
def test_it_gives_a_thread_position_back(thread_id: str, turn: int, seq: int) -> None:
    token = cursor.encode_thread(thread_id, turn, seq)
    assert cursor.decode_thread(token, thread_id) == (turn, seq)
    assert re.fullmatch(r"[0-9a-z.-]{1,60}", token)


def test_it_takes_a_bare_number_for_a_run() -> None:
    assert cursor.decode_run(" 17 ", "r") == 17


@pytest.mark.parametrize("token", ["", "x", "-1", "1.5", "1-", "٣", "1-zzzzzzzz", "9" * 40, "1\n2"])
def test_it_refuses_what_is_no_cursor(token: str) -> None:
    with pytest.raises(BadRequest):
        cursor.decode_run(token, "r")
    with pytest.raises(BadRequest):
        cursor.decode_thread(token, "t")


def test_it_refuses_the_cursor_of_something_else() -> None:
    with pytest.raises(BadRequest):
        cursor.decode_run(cursor.encode_run("other", 3), "r")
    with pytest.raises(BadRequest):
        cursor.decode_run(cursor.encode_thread("r", 1, 3), "r")
    with pytest.raises(BadRequest):
        cursor.decode_thread(cursor.encode_thread("other", 1, 3), "t")


def refusal(token: str, run: object) -> type[ApiError] | None:
    try:
        cursor.run_position(token, run)  # type: ignore[arg-type]
    except ApiError as error:
        return type(error)
    return None


@pytest.mark.django_db
def test_it_accepts_every_position_of_a_whole_log() -> None:
    run = make_run()
    commit(run, whole_run(5), done=True)
    assert [refusal(str(seq), run) for seq in range(6)] == [None] * 6


@pytest.mark.django_db
def test_it_says_gone_behind_the_end_of_a_finished_run() -> None:
    run = make_run()
    commit(run, whole_run(5), done=True)
    assert refusal(cursor.encode_run(run.pk, 6), run) is Gone


@pytest.mark.django_db
def test_it_lets_viewers_of_a_running_run_be_ahead_of_the_log() -> None:
    run = make_run()
    commit(run, deltas(1, 5))
    assert refusal(cursor.encode_run(run.pk, 9), run) is None


@pytest.mark.django_db
def test_it_says_gone_when_the_log_was_pruned() -> None:
    run = make_run()
    commit(run, deltas(1, 5))
    commit(run, deltas(6, 9))
    RunEvents.objects.filter(run=run, first_seq=1).delete()
    assert refusal("3", run) is Gone
    assert refusal("5", run) is None
    RunEvents.objects.filter(run=run).delete()
    assert refusal("5", run) is Gone


@pytest.mark.django_db
def test_it_knows_a_log_whose_first_attempt_left_nothing() -> None:
    run = make_run()
    commit(run, [record(1001, started(2)), *deltas(1002, 1004)])
    assert refusal("0", run) is None
    assert refusal("7", run) is None


@pytest.mark.django_db
def test_it_says_gone_for_a_turn_that_is_not_there() -> None:
    run = make_run(turn=1)
    commit(run, whole_run(5), done=True)
    thread_id = run.thread_id
    assert cursor.thread_position(cursor.encode_thread(thread_id, 1, 5), thread_id) == (1, 5)
    assert cursor.thread_position(cursor.encode_thread(thread_id, 0, 0), thread_id) == (0, 0)
    with pytest.raises(Gone):
        cursor.thread_position(cursor.encode_thread(thread_id, 2, 1), thread_id)
