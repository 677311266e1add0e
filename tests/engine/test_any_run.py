"""Any conversation, any answers, a crash anywhere: log and rows agree, nothing is doubled."""

import threading
from collections import Counter
from typing import Any

import pytest
from django.db import connections
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentserver.core.ids import new_id
from runs.models import Job, Run, ToolCall
from runs.tools import ToolContext, ToolError
from tests.engine.conftest import Offer
from tests.engine.crashes import crashing
from tests.engine.folding import assert_fold
from tests.engine.lab import Lab, call, expire_leases, text, turns
from threads.models import Message

FRONTEND = {"frontend_tools": [{"name": "locate"}]}
CALLS = st.sampled_from(
    [
        call("add", a=1, b=2),
        call("add", a="x"),
        call("broken"),
        call("nobody"),
        call("guarded", a=3, b=4),
        call("choose"),
        call("locate"),
        {"tool_call": {"name": "add", "arguments": "{"}},
    ]
)
ANSWERS = st.sampled_from(
    [text("so", chunks=2), {"reasoning": "hm", "signature": "s"}, {"delay_ms": 0}]
)
REPLIES = st.lists(
    st.tuples(st.lists(ANSWERS, max_size=2), st.lists(CALLS, min_size=1, max_size=3)), max_size=3
)


@pytest.fixture
def toolbox(engine: Lab, offer: Offer) -> Lab:
    def add(a: int, b: int) -> int:
        return a + b

    def broken() -> None:
        raise ToolError("no")

    def choose(context: ToolContext) -> str:
        return str(context.ask("Which?"))

    offer(add, idempotent=True)
    offer(add, name="guarded", idempotent=True, needs_approval=True)
    offer(broken, idempotent=True)
    offer(choose, idempotent=True)
    return engine


@settings(
    max_examples=20,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    replies=REPLIES,
    one_by_one=st.booleans(),
    action=st.sampled_from(["resume", "cancel"]),
    crash_at=st.integers(0, 8),
    when=st.sampled_from(["before", "after"]),
)
def test_it_tells_one_story(
    toolbox: Lab, replies: Any, one_by_one: bool, action: Any, crash_at: int, when: Any
) -> None:
    toolbox.agent(turns(*[[*said, *calls] for said, calls in replies], [text("done")]))
    with pytest.MonkeyPatch.context() as patch, crashing(patch, crash_at, when) as crash:
        run = toolbox.submit(thread_id=new_id(), extras=FRONTEND).run
        successor = threading.Thread(target=take_over, args=[crash.happened])
        successor.start()
        run = toolbox.rest(run)
        while run.status == Run.Status.WAITING:
            assert_fold(run)
            answer(toolbox, run, action, one_by_one=one_by_one)
            run = toolbox.rest(run, after_seq=run.last_seq)
        crash.happened.set()
        successor.join()
    assert (run.termination_code, run.steps) == ("natural", len(replies) + 1)
    assert_fold(run)
    assert_nothing_is_doubled(run)


def take_over(happened: threading.Event) -> None:
    happened.wait()
    expire_leases()
    connections.close_all()


def answer(lab: Lab, run: Run, action: Any, *, one_by_one: bool) -> None:
    waiting = ToolCall.objects.filter(run=run, status=ToolCall.Status.SUSPENDED)
    for row in waiting.order_by("-position")[: 1 if one_by_one else None]:
        lab.decide(run, row.ticket_id, action, "an answer")


def assert_nothing_is_doubled(run: Run) -> None:
    results = Message.objects.filter(run_id=run.pk, role="tool")
    answered = Counter(results.values_list("tool_call_id", flat=True))
    assert answered == Counter(run.tool_calls.values_list("call_id", flat=True))
    assert set(run.tool_calls.values_list("status", flat=True)) <= set(ToolCall.FINAL)
    open_jobs = Job.objects.filter(run=run, state__in=[Job.State.QUEUED, Job.State.CLAIMED])
    assert not open_jobs.exists()
