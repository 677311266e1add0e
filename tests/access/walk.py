"""Two resources with everything in them, and every request the routes know of.

Resource ``alice`` owns the thread and the run that the examples of the API documentation name: an
example sent as it is asks for her objects. ``bob`` has a thread of his own. `MARK` is in every text
of hers: no answer to him may hold it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.apps import apps
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from agentserver.access.services import create_key
from agentserver.core.api.answers import JSON
from agentserver.core.api.docs import document
from agentserver.core.api.docs_parameters import RUN_ID, THREAD_ID
from agentserver.core.api.views import VERBS
from agentserver_a2a.models import PushConfig
from config import registry
from config.defaults import agent, mcp_server, model, provider
from config.seeding import seed_builtin
from runs.events.segments import append_segment
from runs.events.types import Record, RunStarted, TextDelta
from runs.models import Lane, Run
from tests.api.rows import call, job, message, run, thread

ALICE, BOB = "alice", "bob"
MARK = "only-for-alice"
HIS_THREAD, HIS_RUN = "bobs-thread", "bobs-run"
CALLS = ("call_1", "call_2")
UNKNOWN = {THREAD_ID: "no-such-thread", RUN_ID: "no-such-run"}
# What else is in a path: not of a resource.
OTHER = {
    "agent_id": "assistant",
    "namespace": "agents",
    "entry_id": "assistant",
    "provider_id": "scripted",
    "server_id": "files",
    "tool_id": "assistant",
    "tenant": "assistant",
    "task_id": RUN_ID,
    "config_id": "webhook-1",
}
AT = 1_775_923_200_123
APPS = ("threads", "runs", "memory", "config", "a2a")


def build() -> None:
    """The rows, and an agent ``assistant`` that could be asked."""
    _publish()
    hers = thread(THREAD_ID, resource_id=ALICE, title=f"Title {MARK}", message_seq=1)
    Lane.objects.create(thread=hers, resource_id=ALICE, turn=2, holder_id=RUN_ID)
    done = run(hers, id="her-first-run", final_output=f"Answer {MARK}", turn=1, last_seq=2)
    waiting = run(hers, id=RUN_ID, status="waiting", agent_id="assistant", second=5, turn=2)
    for call_id in CALLS:
        call(waiting, call_id, status="suspended")
    message(done, f"Question {MARK}", seq=1, message_id="her-message")
    job(done, state="Accepted")
    job(waiting, state="Accepted", second=5)
    _log(done)
    _webhook(waiting)
    his = thread(HIS_THREAD, resource_id=BOB)
    Lane.objects.create(thread=his, resource_id=BOB, turn=1)
    run(his, id=HIS_RUN, turn=1)


def _publish() -> None:
    scripted = {"scripts": {"assistant": [{"reply": [{"text": "Yes."}]}]}}
    seed_builtin(
        {
            "providers": [provider("scripted", adapter="scripted", adapter_options=scripted)],
            "models": [model("assistant", provider="scripted", upstream="assistant")],
            "agents": [agent("assistant", model="assistant", tools=[])],
            "mcp-servers": [mcp_server("files", transport="stdio", command="files-server")],
        }
    )
    registry.forget()


def _webhook(of: Run) -> None:
    PushConfig.objects.create(
        run=of, config_id=OTHER["config_id"], url=f"https://client.example/{MARK}"
    )


def _log(of: Run) -> None:
    """Of her finished run: it began and said something."""
    begun = RunStarted(
        thread_id=of.thread_id, run_id=of.pk, agent_id="assistant", attempt=1, cause="start"
    )
    said = TextDelta(block_id="b", delta=MARK)
    append_segment(of.pk, [Record(1, AT, begun), Record(2, AT, said)])


def rows() -> dict[str, Any]:
    """Everything that is stored, table by table."""
    return {
        table.__name__: list(table._default_manager.order_by("pk").values())
        for app in APPS
        for table in apps.get_app_config(app).get_models()
        if not table._meta.proxy
    }


# --- callers --------------------------------------------------------------------------------------
def caller(resource_id: str, *scopes: str) -> Client:
    """With a new key, which may do everything unless told otherwise."""
    _, token = create_key(name="walk", scopes=scopes or ["admin"], resource_id=resource_id)
    headers = {"authorization": f"Bearer {token}"}
    return Client(raise_request_exception=False, headers=headers)


# --- requests -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Asked:
    """A request. ``query`` is part of the path; a body of None sends none."""

    method: str
    path: str
    body: Any = None

    @property
    def names_hers(self) -> bool:
        return any(known in self.path + json.dumps(self.body) for known in UNKNOWN)

    def of_unknown(self) -> "Asked":
        """The same request for objects that do not exist."""
        return replace(self, path=forget(self.path), body=json.loads(forget(json.dumps(self.body))))

    def send(self, client: Client) -> Any:
        """The answer. Nobody reads a stream, so it never begins."""
        body = "" if self.body is None else json.dumps(self.body)
        answer: Any = client.generic(self.method.upper(), self.path, body, JSON)
        return answer

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path} {json.dumps(self.body) if self.body else ''}"


def forget(text: str) -> str:
    for known, unknown in UNKNOWN.items():
        text = text.replace(known, unknown)
    return text


def content_of(answer: Any) -> str:
    return "" if answer.streaming else str(answer.content.decode())


def described_requests() -> Iterator[Asked]:
    """Each operation of the API, once for each example of its body, asking for her objects."""
    for template, methods in document()["paths"].items():
        for method, described in methods.items():
            for body in _bodies(described):
                yield Asked(method, _path(template), body)


def _path(template: str) -> str:
    ids = {"thread_id": THREAD_ID, "id": THREAD_ID, "run_id": RUN_ID, **OTHER}
    for name, value in ids.items():
        template = template.replace(f"{{{name}}}", value)
    return template


def _bodies(described: dict[str, Any]) -> list[Any]:
    content = described.get("requestBody", {}).get("content", {}).get("application/json", {})
    found = [example["value"] for example in content.get("examples", {}).values()]
    return found or [None]


def routes() -> set[tuple[str, str]]:
    """(method, path) of every route of the URL map except the admin's; plain views answer GET."""
    return set(_routes(get_resolver().url_patterns, ""))


def _routes(patterns: list[Any], prefix: str) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            if pattern.app_name != "admin":
                yield from _routes(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            view = getattr(pattern.callback, "cls", None)
            for verb in _verbs(view):
                yield verb, _template(path)


def _template(route: str) -> str:
    """A route as OpenAPI writes it: ``<str:name>`` and named groups become ``{name}``."""
    named = re.sub(r"\(\?P<(\w+)>[^)]+\)|<(?:\w+:)?(\w+)>", _braced, route)
    return "/" + re.sub(r"\^|(?<!\\)\$$", "", named).replace("\\", "")


def _braced(found: re.Match[str]) -> str:
    return f"{{{found[1] or found[2]}}}"


def _verbs(view: Any) -> Iterator[str]:
    if view is None:
        yield "get"
        return
    yield from (verb for verb in VERBS if verb in view.http_method_names and hasattr(view, verb))
