"""GetTask and ListTasks over runs of every kind."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agentserver.access.principal import ANONYMOUS, Principal
from agentserver.core.errors import NotFound
from agentserver_a2a.errors import InvalidParams, TaskNotFound
from agentserver_a2a.states import timestamp
from runs.models import Run
from runs.services import Cut, Input, cancel_run, submit
from runs.tools import ToolContext
from tests.api.native_stream import ECHO, calling
from tests.engine_fixture import Engine
from tests.faces.a2a_calls import begin, ids, listed, response, rest, said, state, task

MINE = Principal("key", "k", "k", frozenset({"read", "run"}), resource_id="mine")
THEIRS = Principal("key", "s", "s", frozenset({"read", "run"}), resource_id="theirs")
ARTIFACT: Any = {
    "artifact": {
        "artifact_id": "numbers",
        "name": "Numbers",
        "description": "Some",
        "parts": [{"type": "data", "data": {"n": 1}}],
        "metadata": {"m": 1},
    }
}


@pytest.fixture
def echo(engine: Engine) -> str:
    return engine.agent("echo", ECHO)


@pytest.fixture
def three(echo: str) -> list[str]:
    """Ids of finished tasks in three contexts, the newest first."""
    made = [rest(begin(echo, f"text {each}", contextId=f"c{each}"))["id"] for each in range(3)]
    return made[::-1]


@pytest.fixture
def waiting(engine: Engine) -> dict[str, str]:
    """One task in each state that waits or has not begun, by state."""

    def ask(context: ToolContext) -> str:
        return str(context.ask("Which?"))

    def erase() -> str:
        return "gone"

    asks, erases = engine.tool(ask), engine.tool(erase, needs_approval=True)
    engine.agent("asker", calling(asks), tools=[asks])
    engine.agent("eraser", calling(erases), tools=[erases])
    found = {
        "INPUT_REQUIRED": rest(begin("asker"))["id"],
        "AUTH_REQUIRED": rest(begin("eraser"))["id"],
    }
    engine.stop()
    return {**found, "SUBMITTED": begin("asker").task_id}


# --- one task -------------------------------------------------------------------------------------
def test_it_dates_the_status_by_its_last_change(echo: str) -> None:
    done = rest(begin(echo))
    run = Run.objects.get(pk=done["id"])
    assert done["status"]["timestamp"] == timestamp(run.status_changed_at)


def test_it_lists_published_artifacts_before_the_answer(engine: Engine) -> None:
    engine.agent("maker", [{"reply": [ARTIFACT, {"text": "done"}]}])
    done = rest(begin("maker"))
    assert done["artifacts"] == [
        {
            "artifactId": "numbers",
            "name": "Numbers",
            "description": "Some",
            "parts": [{"data": {"n": 1}}],
            "metadata": {"m": 1},
        },
        {"artifactId": "response", "name": "response", "parts": [{"text": "done"}]},
    ]


def test_it_shows_no_tools_in_the_history(engine: Engine) -> None:
    name = engine.tool(lambda: "x", name="plain", description="Plain")
    engine.agent("caller", calling(name), tools=[name])
    assert said(rest(begin("caller", "go"))) == [("USER", "go"), ("AGENT", 'It said "x".')]


def test_it_shows_the_question_to_every_run_that_answers_it(engine: Engine, echo: str) -> None:
    first = rest(begin(echo, "go", messageId="question", contextId="c"))["id"]
    for _ in range(2):
        cut = Cut(message_id="question", inclusive=False)
        again = Input(principal=ANONYMOUS, thread_id="c", messages=[], agent_id=echo, cut=cut)
        engine.finished(submit(again).run.pk)
    listing = listed(contextId="c")["tasks"]
    assert [said(each)[0] for each in listing] == [("USER", "go")] * 3
    assert listing[-1]["id"] == first


def test_it_shows_the_answer_of_a_run_that_failed(engine: Engine) -> None:
    engine.agent(
        "broken", [{"reply": [{"text": "half"}, {"error": {"status": 401, "message": "no"}}]}]
    )
    failed = rest(begin("broken"))
    assert state(failed) == "FAILED"
    assert response(failed) == "half"
    assert failed["status"]["message"]["parts"][0]["text"]


def test_it_shows_a_child_run_as_a_task(engine: Engine, echo: str) -> None:
    call = {"tool_call": {"name": "agent_run_echo", "arguments": {"prompt": "do it"}}}
    script: Any = [
        {"when": {"has_tool_result": True}, "reply": [{"text": "done"}]},
        {"reply": [call]},
    ]
    engine.agent("boss", script, delegates=["echo"], tools=None)
    rest(begin("boss"))
    (child,) = listed(tenant="echo")["tasks"]
    assert said(child) == [("USER", "do it"), ("AGENT", "do it")]


@pytest.mark.parametrize("options", [{"tenant": "other"}, {"principal": THEIRS}])
def test_it_hides_what_is_not_the_callers(engine: Engine, echo: str, options: Any) -> None:
    engine.agent("other", ECHO)
    sent = begin(echo, principal=MINE)
    with pytest.raises(TaskNotFound):
        task(sent.task_id, **options)
    assert ids(listed(**options)) == []
    assert ids(listed(principal=MINE, tenant=echo)) == [sent.task_id]


def test_it_knows_no_task_of_an_unknown_id(echo: str) -> None:
    with pytest.raises(TaskNotFound):
        task("unknown")


def test_it_knows_no_unknown_tenant(echo: str) -> None:
    with pytest.raises(NotFound):
        listed(tenant="nobody")


# --- lists ----------------------------------------------------------------------------------------
def test_it_lists_the_latest_change_first(three: list[str]) -> None:
    page = listed()
    assert ids(page) == three
    assert (page["pageSize"], page["totalSize"], page["nextPageToken"]) == (50, 3, "")


def test_it_orders_equal_moments_by_id(three: list[str]) -> None:
    Run.objects.update(status_changed_at=Run.objects.get(pk=three[0]).status_changed_at)
    assert ids(listed()) == sorted(three, reverse=True)


def test_it_has_all_members_when_there_is_nothing(echo: str) -> None:
    assert listed() == {"tasks": [], "nextPageToken": "", "pageSize": 50, "totalSize": 0}


def test_it_goes_on_where_a_page_ended(three: list[str]) -> None:
    first = listed(pageSize=2)
    assert (ids(first), first["totalSize"], first["pageSize"]) == (three[:2], 3, 2)
    second = listed(pageSize=2, pageToken=first["nextPageToken"])
    assert (ids(second), second["nextPageToken"]) == (three[2:], "")


@pytest.mark.parametrize("token", ["1", "tasks_", "tasks_xyz", "run_abc", "ü"])
def test_it_refuses_a_token_it_did_not_give(three: list[str], token: str) -> None:
    with pytest.raises(InvalidParams) as refused:
        listed(pageToken=token)
    assert [each.field for each in refused.value.violations] == ["pageToken"]


def test_it_refuses_a_token_of_another_list(three: list[str]) -> None:
    token = listed(pageSize=1)["nextPageToken"]
    with pytest.raises(InvalidParams):
        listed(pageToken=token, status="completed")


def test_it_filters_by_context(three: list[str]) -> None:
    assert ids(listed(contextId="c1")) == [three[1]]


def test_it_filters_by_the_moment_of_the_last_change(three: list[str]) -> None:
    moment = Run.objects.get(pk=three[1]).status_changed_at
    assert ids(listed(statusTimestampAfter=timestamp(moment))) == three[:2]
    later = timestamp(moment + timedelta(milliseconds=1))
    assert three[1] not in ids(listed(statusTimestampAfter=later))


@pytest.mark.parametrize("name", ["INPUT_REQUIRED", "AUTH_REQUIRED", "SUBMITTED"])
def test_it_filters_by_what_a_task_waits_for(waiting: dict[str, str], name: str) -> None:
    page = listed(status=name)
    assert ids(page) == [waiting[name]]
    assert [state(each) for each in page["tasks"]] == [name]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("natural", "COMPLETED"),
        ("stopped:max_rounds", "COMPLETED"),
        ("error", "FAILED"),
        ("cancelled", "CANCELED"),
        ("blocked", "REJECTED"),
    ],
)
def test_it_filters_by_how_a_task_ended(three: list[str], code: str, name: str) -> None:
    Run.objects.update(termination_code="cancelled" if name != "CANCELED" else "error")
    Run.objects.filter(pk=three[1]).update(termination_code=code)
    page = listed(status=name.lower())
    assert ids(page) == [three[1]]
    assert state(page["tasks"][0]) == name


def test_it_filters_by_working(engine: Engine, waiting: dict[str, str]) -> None:
    assert listed(status="working")["tasks"] == []
    Run.objects.filter(pk=waiting["SUBMITTED"]).update(status="running")
    assert ids(listed(status="working")) == [waiting["SUBMITTED"]]


def test_it_shows_artifacts_only_when_asked(three: list[str]) -> None:
    assert all("artifacts" not in each for each in listed()["tasks"])
    shown = listed(includeArtifacts=True)["tasks"]
    assert [response(each) for each in shown] == ["text 2", "text 1", "text 0"]


def test_it_shows_as_much_history_as_asked(three: list[str]) -> None:
    assert [len(each["history"]) for each in listed()["tasks"]] == [2, 2, 2]
    assert [said(each) for each in listed(historyLength=1, contextId="c1")["tasks"]] == [
        [("AGENT", "text 1")]
    ]
    assert all("history" not in each for each in listed(historyLength=0)["tasks"])


def test_it_shows_what_get_shows(three: list[str], waiting: dict[str, str]) -> None:
    for each in listed(includeArtifacts=True)["tasks"]:
        assert each == task(each["id"])


def test_it_asks_the_database_as_often_for_many_as_for_few(
    three: list[str], waiting: dict[str, str]
) -> None:
    cancel_run(principal=ANONYMOUS, run_id=waiting["SUBMITTED"])
    few = _queries(pageSize=1)
    begun = [begin("echo", contextId=f"more {each}").task_id for each in range(3)]
    for each in begun[1:]:
        cancel_run(principal=ANONYMOUS, run_id=each)
    assert _queries() <= max(few, 7)
    assert _queries(includeArtifacts=True) == _queries(includeArtifacts=True, pageSize=6) <= 8


def _queries(**members: Any) -> int:
    with CaptureQueriesContext(connection) as found:
        listed(**members)
    return len(found)
