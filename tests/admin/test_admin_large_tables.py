"""Lists over large tables: the statements they send stay the same, use an index, count nothing."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from agentserver.core.admin.paginator import MOST_ROWS
from agentserver.core.clock import now
from runs.models import Job, Run, ToolCall
from tests.admin import samples
from threads.models import Message, Thread

THREADS, RUNS, MESSAGES = 2_000, 20_000, 100_000
BIG = ("threads_message", "threads_thread", "runs_run", "runs_runevents", "runs_job",
       "runs_toolcall")  # fmt: skip
# Rows without the ORM, which would take most of the time of these tests.
MANY_MESSAGES = """
    INSERT INTO threads_message (thread_id, message_id, seq, role, content, tool_calls,
                                 tool_call_id, visibility, run_id, metadata, created_at)
    WITH RECURSIVE number(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM number WHERE n < %s)
    SELECT 'big-' || CAST(n %% %s AS text), 'm-' || CAST(n AS text), n / %s + 1, 'user',
           '[]', '[]', '', 'all', '', '{}', %s
    FROM number
"""
LISTS = {
    "threads": "/admin/threads/thread/",
    "threads by date": "/admin/threads/thread/?updated_at_from=2024-01-01",
    "runs": "/admin/runs/run/",
    "runs, page 3": "/admin/runs/run/?p=3",
    "runs by status": "/admin/runs/run/?status=waiting",
    "runs by date": "/admin/runs/run/?created_at_from=2024-01-01&created_at_to=2024-01-02",
    "runs with facets": "/admin/runs/run/?_facets=True",
    "runs by id": "/admin/runs/run/?q=run-19",
    "mailbox": "/admin/runs/job/",
    "approvals": "/admin/runs/toolcall/",
    "dashboard": "/admin/",
}
# The dashboard counts what its groups of the last day hold, and no rows of a whole table.
COUNTS = {False: r"COUNT\(", True: r"COUNT\(\*\)"}
# Of these a whole table is never read, not even to find that nothing fits.
INDEXED = [name for name in LISTS if name != "dashboard"]


@pytest.fixture(scope="module")
def large(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Many rows, once for the module; taken out again at its end."""
    with django_db_blocker.unblock():
        _fill()
        yield
        _empty()


def _fill() -> None:
    start = now() - timedelta(days=400)
    Thread.objects.bulk_create(
        [Thread(pk=f"big-{n}", updated_at=start + timedelta(minutes=n)) for n in range(THREADS)],
        batch_size=5_000,
    )
    with connection.cursor() as cursor:
        cursor.execute(MANY_MESSAGES, [MESSAGES - 1, THREADS, THREADS, now()])
    Run.objects.bulk_create([_run(n, start) for n in range(RUNS)], batch_size=2_000)
    Job.objects.bulk_create(
        [
            Job(pk=f"job-{n:05}", thread_id=f"big-{n % THREADS}", run_id=f"run-{n:05}",
                state="Accepted")
            for n in range(RUNS)
        ],
        batch_size=5_000,
    )  # fmt: skip
    ToolCall.objects.bulk_create(
        [
            ToolCall(run_id=f"run-{n:05}", call_id="c", step=0, name="t", status="succeeded")
            for n in range(RUNS)
        ],
        batch_size=5_000,
    )


def _empty() -> None:
    with connection.cursor() as cursor:
        for model in (ToolCall, Job, Run, Message, Thread):
            cursor.execute(f"DELETE FROM {model._meta.db_table}")


def _run(number: int, start: Any) -> Run:
    at = start + timedelta(minutes=number)
    return Run(
        pk=f"run-{number:05}",
        thread_id=f"big-{number % THREADS}",
        agent_id=f"agent-{number % 7}",
        status="done",
        termination_code="natural",
        created_at=at,
        started_at=at,
        finished_at=at,
    )


def statements(page: Client, address: str) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        assert page.get(address).status_code == 200
    return [query["sql"] for query in captured.captured_queries]


@pytest.mark.parametrize("name", LISTS)
def test_it_counts_no_rows_of_large_tables(large: None, page: Client, name: str) -> None:
    counting = [
        sql
        for sql in statements(page, LISTS[name])
        if re.search(COUNTS[name == "dashboard"], sql)
        and any(f'FROM "{table}"' in sql for table in BIG)
    ]

    assert counting == []


@pytest.mark.parametrize("name", LISTS)
def test_it_sends_no_more_statements_than_for_a_small_table(
    large: None, page: Client, name: str
) -> None:
    assert len(statements(page, LISTS[name])) <= 12


@pytest.mark.leg("sqlite")
@pytest.mark.parametrize("name", INDEXED)
def test_it_reads_large_tables_along_an_index(large: None, page: Client, name: str) -> None:
    for sql in statements(page, LISTS[name]):
        if sql.startswith("SELECT") and any(f'FROM "{table}"' in sql for table in BIG):
            assert _scans(sql) == [], sql


def _scans(sql: str) -> list[str]:
    """Steps of the plan that read a table or sort its rows without the help of an index."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {sql.replace('%', '%%')}")
        steps = [str(row[3]) for row in cursor.fetchall()]
    return [step for step in steps if re.fullmatch(r"SCAN \w+", step)]


def test_it_reads_wide_columns_for_no_list(large: None, page: Client) -> None:
    wide = ("request_extras", "final_output", "error_payload")

    for sql in statements(page, LISTS["runs"]):
        assert not any(f'"runs_run"."{column}"' in sql for column in wide)


def test_it_offers_a_bounded_number_of_pages(large: None, page: Client) -> None:
    listing = page.get(LISTS["runs"]).context["cl"]

    assert listing.result_count == MOST_ROWS
    assert listing.paginator.has_more


def test_it_shows_the_newest_first_on_every_page(large: None, page: Client) -> None:
    first = page.get(LISTS["runs"]).context["cl"].result_list
    third = page.get(LISTS["runs, page 3"]).context["cl"].result_list

    assert [run.pk for run in first][:2] == ["run-19999", "run-19998"]
    assert next(iter(third)).pk == "run-19899"


def test_it_finds_an_id_by_its_beginning(large: None, page: Client) -> None:
    found = page.get("/admin/runs/run/?q=run-1234").context["cl"].result_list

    assert sorted(run.pk for run in found) == [f"run-1234{digit}" for digit in range(10)]


def test_it_asks_no_more_of_a_page_with_more_calls(page: Client) -> None:
    few = samples.make_run(samples.make_thread(), status="waiting", finished_at=None)
    many = samples.make_run(samples.make_thread(), status="waiting", finished_at=None)
    samples.waiting_call(few)
    for number in range(5):
        ToolCall.objects.create(
            run=many, call_id=f"c{number}", step=0, name="t", status="suspended", suspension={}
        )
    addresses = [reverse("admin:runs_run_change", args=[run.pk]) for run in (few, many)]

    counts = [len(statements(page, address)) for address in addresses]

    assert counts[0] == counts[1] <= 16
