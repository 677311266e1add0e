"""What the layers above rely on when they write threads and messages."""

import threading
from collections.abc import Callable

import pytest
from django.db import connection, transaction

from agentserver.access.principal import ANONYMOUS, Principal
from agentserver.core.errors import NotFound
from threads.content import text_block
from threads.models import Message, Thread
from threads.services import (
    NewMessage,
    append_messages,
    create_thread,
    delete_threads,
    ensure_thread,
    replace_message,
    truncate_after,
)

BOUND = Principal("key", "k", "k", frozenset({"run"}), resource_id="mine")


def message(name: str, text: str = "") -> NewMessage:
    return NewMessage(id=name, role="user", content=[text_block(text or name)])


def names(thread: Thread) -> list[tuple[str, int]]:
    return list(thread.messages.order_by("seq").values_list("message_id", "seq"))


@pytest.mark.django_db
def test_it_appends_each_message_id_once() -> None:
    thread = create_thread(principal=ANONYMOUS)
    append_messages(thread=thread, messages=[message("a"), message("b")])
    again = append_messages(
        thread=thread, messages=[message("b", "changed"), message("c"), message("c")]
    )
    assert [row.message_id for row in again.rows] == ["c"]
    assert [row.message_id for row in again.existing] == ["b"]
    assert names(thread) == [("a", 1), ("b", 2), ("c", 3)]
    assert thread.messages.get(message_id="b").content == [text_block("b")]


@pytest.mark.django_db
def test_it_keeps_the_same_id_apart_in_two_threads() -> None:
    first, second = create_thread(principal=ANONYMOUS), create_thread(principal=ANONYMOUS)
    append_messages(thread=first, messages=[message("a")])
    assert len(append_messages(thread=second, messages=[message("a")]).rows) == 1


@pytest.mark.django_db
def test_it_does_not_append_to_a_deleted_thread() -> None:
    thread = create_thread(principal=ANONYMOUS)
    delete_threads(ids=[thread.pk])
    with pytest.raises(NotFound), transaction.atomic():
        append_messages(thread=thread, messages=[message("a")])
    assert not Message.objects.exists()


@pytest.mark.django_db
def test_it_replaces_a_placeholder_in_place() -> None:
    thread = create_thread(principal=ANONYMOUS)
    append_messages(thread=thread, messages=[message("a", "waiting"), message("b")])
    assert replace_message(thread=thread, message=message("a", "done"))
    assert not replace_message(thread=thread, message=message("nobody"))
    assert thread.messages.get(seq=1).content == [text_block("done")]


@pytest.mark.django_db
@pytest.mark.parametrize(("inclusive", "left"), [(False, 2), (True, 1)])
def test_it_truncates_and_never_gives_a_number_out_again(inclusive: bool, left: int) -> None:
    thread = create_thread(principal=ANONYMOUS)
    append_messages(thread=thread, messages=[message(name) for name in "abcd"])
    assert truncate_after(thread=thread, message_id="b", inclusive=inclusive) == 4 - left
    append_messages(thread=thread, messages=[message("e")])
    assert names(thread)[-1] == ("e", 5)


@pytest.mark.django_db
def test_it_creates_a_thread_at_its_first_submission_only() -> None:
    first, created = ensure_thread(principal=ANONYMOUS, thread_id="mine", resource_id="u")
    again, created_again = ensure_thread(principal=ANONYMOUS, thread_id="mine")
    assert (created, created_again) == (True, False)
    assert (first.pk, again.resource_id, again.title) == ("mine", "u", None)


@pytest.mark.django_db
def test_it_binds_new_threads_to_the_resource_of_the_caller() -> None:
    thread, _ = ensure_thread(principal=BOUND, thread_id=None)
    assert thread.resource_id == "mine"


@pytest.mark.django_db
def test_it_does_not_submit_to_a_thread_of_another_resource() -> None:
    Thread.objects.create(pk="theirs", resource_id="other")
    with pytest.raises(NotFound):
        ensure_thread(principal=BOUND, thread_id="theirs")


@pytest.mark.django_db
def test_it_detaches_the_children_of_a_deleted_thread() -> None:
    parent = create_thread(principal=ANONYMOUS)
    child = create_thread(principal=ANONYMOUS, parent_id=parent.pk)
    append_messages(thread=parent, messages=[message("a")])
    assert delete_threads(ids=[parent.pk]) == 1
    child.refresh_from_db()
    assert child.parent_id is None
    assert not Message.objects.exists()


def in_parallel(work: Callable[[int], None], times: int) -> list[BaseException]:
    failures: list[BaseException] = []
    barrier = threading.Barrier(times)

    def one(number: int) -> None:
        try:
            barrier.wait(10)
            work(number)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return failures


@pytest.mark.django_db(transaction=True)
def test_it_numbers_concurrent_messages_without_gaps_or_doubles() -> None:
    thread = create_thread(principal=ANONYMOUS)

    def append(number: int) -> None:
        own = Thread.objects.get(pk=thread.pk)
        append_messages(thread=own, messages=[message("shared"), message(f"own-{number}")])

    assert in_parallel(append, 6) == []
    assert [seq for _, seq in names(thread)] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.django_db(transaction=True)
def test_it_gives_concurrent_first_submissions_one_thread() -> None:
    created: list[bool] = []

    def submit(number: int) -> None:
        with transaction.atomic():
            created.append(ensure_thread(principal=ANONYMOUS, thread_id="shared")[1])

    assert in_parallel(submit, 6) == []
    assert sorted(created) == [False] * 5 + [True]
    assert Thread.objects.count() == 1
