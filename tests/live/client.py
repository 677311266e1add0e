"""The native API as a program of a user would call it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self, TypeVar

import httpx

from tests.live.sse import Frame, frames

T = TypeVar("T")
Json = dict[str, Any]

END_SECONDS = 60
POLL_SECONDS = 0.1


class Client:
    """Synchronous, without proxies. Every method fails on an answer it does not expect."""

    def __init__(self, url: str) -> None:
        self.http = httpx.Client(base_url=url, timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.http.close()

    # --- submitting ----------------------------------------------------------------------------
    def submit(self, agent: str, text: str, *, thread_id: str | None = None) -> str:
        """Submits in the background, on a new thread unless told otherwise; the run's id."""
        thread_id = thread_id or self.new_thread()
        body = {"agent_id": agent, "messages": [{"role": "user", "content": text}]}
        answer = self.http.post(f"/v1/threads/{thread_id}/messages", json=body)
        return str(_json(answer, 202)["run_id"])

    def new_thread(self) -> str:
        return str(_json(self.http.post("/v1/threads", json={}), 201)["id"])

    @contextmanager
    def start(self, agent: str, text: str, **members: Any) -> Iterator[httpx.Response]:
        """``POST /v1/runs``; the caller reads the stream and looks at the status."""
        body = {"agent_id": agent, "messages": [{"role": "user", "content": text}], **members}
        with self.http.stream("POST", "/v1/runs", json=body, timeout=END_SECONDS) as answer:
            yield answer

    def decide(self, run_id: str, reference: str, action: str, **members: Any) -> httpx.Response:
        body = {"tool_call_id": reference, "action": action, **members}
        return self.http.post(f"/v1/runs/{run_id}/decision", json=body)

    # --- reading -------------------------------------------------------------------------------
    def run(self, run_id: str) -> Json:
        return _json(self.http.get(f"/v1/runs/{run_id}"))

    def jobs(self, thread_id: str) -> list[Json]:
        answer = _json(self.http.get(f"/v1/threads/{thread_id}/mailbox"))
        items: list[Json] = answer["items"]
        return items

    def worker_of(self, run_id: str) -> int:
        """The process id of the worker that holds the run."""
        (job,) = [
            job for job in self.jobs(self.run(run_id)["thread_id"]) if job["run_id"] == run_id
        ]
        return int(job["claimed_by"].split(":")[1])

    def messages(self, run_id: str) -> list[Json]:
        thread_id = self.run(run_id)["thread_id"]
        answer = _json(self.http.get(f"/v1/threads/{thread_id}/messages?limit=200"))
        messages: list[Json] = answer["messages"]
        return messages

    def events(self, run_id: str) -> list[Json]:
        """The committed entries of a run, all of them."""
        found: list[Json] = []
        page: Json = {"has_more": True, "next_cursor": None}
        while page["has_more"]:
            query = {"limit": 200} | ({"cursor": page["next_cursor"]} if found else {})
            page = _json(self.http.get(f"/v1/runs/{run_id}/events", params=query))
            found += page["items"]
        return found

    @contextmanager
    def watch(self, run_id: str, position: str = "0") -> Iterator[Iterator[Frame]]:
        """The run's event stream behind a position (``0``: from its start)."""
        headers = {"Last-Event-ID": position}
        path = f"/v1/runs/{run_id}/events/stream"
        with self.http.stream("GET", path, headers=headers, timeout=END_SECONDS) as answer:
            answer.read() if answer.status_code != 200 else None
            assert answer.status_code == 200, answer.text
            yield frames(answer.iter_lines())

    # --- waiting -------------------------------------------------------------------------------
    def wait_for_status(self, run_id: str, *statuses: str, seconds: float = END_SECONDS) -> Json:
        return wait_for(
            lambda: self.run(run_id),
            lambda run: run["status"] in statuses,
            what=f"run {run_id} to be {' or '.join(statuses)}",
            seconds=seconds,
        )

    def wait_for_end(self, run_id: str, *, seconds: float = END_SECONDS) -> Json:
        return self.wait_for_status(run_id, "done", seconds=seconds)


def wait_for(
    look: Callable[[], T], wanted: Callable[[T], bool], *, what: str, seconds: float = END_SECONDS
) -> T:
    """Looks until what is seen is wanted; a server that is away meanwhile is waited for."""
    deadline, seen = time.monotonic() + seconds, "nothing"
    while time.monotonic() < deadline:
        try:
            found = look()
        except httpx.TransportError as error:
            seen = repr(error)
        else:
            if wanted(found):
                return found
            seen = repr(found)
        time.sleep(POLL_SECONDS)
    raise TimeoutError(f"{what}: not after {seconds:g} s; last seen: {seen[:2000]}")


def text_of(message: Json) -> str:
    return "".join(block["text"] for block in message["content"] if block["type"] == "text")


def _json(answer: httpx.Response, status: int = 200) -> Json:
    assert answer.status_code == status, f"{answer.request.url}: {answer.status_code} {answer.text}"
    body: Json = answer.json()
    return body
