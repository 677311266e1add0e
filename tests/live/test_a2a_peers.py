"""Two servers whose agents work for each other over A2A, also when one of them is killed."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.live.client import Client, Json, text_of, wait_for
from tests.live.databases import DatabaseTemplate
from tests.live.server import LiveServer, ScaledServer, live_server

ENVIRONMENT = {"AGENTSERVER_EGRESS_ALLOW": "127.0.0.1", "AGENTSERVER_LEASE_SECONDS": "2"}


@dataclass(frozen=True)
class Peer:
    live: LiveServer
    client: Client

    def offer(self, agent: str, *, of: "Peer") -> None:
        """The agent ``far-<agent>`` here is ``demo-<agent>`` over there."""
        endpoint = {"base_url": of.live.url, "target": f"demo-{agent}"}
        document = {"id": f"far-{agent}", "endpoint": endpoint}
        made = self.client.http.post("/v1/config/agents", json=document)
        assert made.status_code == 201, made.text

    def kill(self) -> None:
        """Kills what executes the runs (SIGKILL), and brings it back."""
        self.live.kill_worker()
        # On the leg ``sqlite`` the whole server is gone with its worker.
        if isinstance(self.live, ScaledServer):
            self.live.start_worker()
        else:
            self.live.restart()

    def tasks_of(self, agent: str) -> list[Json]:
        found = self.client.http.get(f"/v1/a2a/demo-{agent}/tasks", params={"pageSize": 100})
        tasks: list[Json] = found.raise_for_status().json()["tasks"]
        return tasks


@pytest.fixture(scope="module")
def peers(database_template: DatabaseTemplate | None) -> Iterator[tuple[Peer, Peer]]:
    with contextlib.ExitStack() as stack:
        near, far = (_peer(stack, database_template) for _ in range(2))
        for agent in ("echo", "slow", "approval"):
            near.offer(agent, of=far)
        far.offer("echo", of=near)
        yield near, far


def _peer(stack: contextlib.ExitStack, template: DatabaseTemplate | None) -> Peer:
    live = stack.enter_context(live_server(template, env=ENVIRONMENT))
    return Peer(live, stack.enter_context(Client(live.url)))


@contextlib.contextmanager
def spoken(client: Client, run_id: str) -> Iterator[Iterator[str]]:
    """The pieces of text of a run, as they come."""
    with client.watch(run_id) as frames:
        yield (frame.native["delta"] for frame in frames if frame.kind == "text_delta")


def answer_of(client: Client, run_id: str) -> str:
    run = client.wait_for_end(run_id)
    assert run["termination_code"] == "natural", run
    return text_of(client.messages(run_id)[-1])


def test_it_streams_the_answer_of_the_other_server(peers: tuple[Peer, Peer]) -> None:
    near, far = peers
    for here, said in ((near, "one two three four"), (far, "five six seven eight")):
        run_id = here.client.submit("far-echo", said)
        with spoken(here.client, run_id) as pieces:
            heard = list(pieces)
        assert "".join(heard) == said == answer_of(here.client, run_id)
        assert len(heard) > 1


def test_it_carries_an_approval_across(peers: tuple[Peer, Peer]) -> None:
    near, far = peers
    run_id = near.client.submit("far-approval", "go")
    waiting = near.client.wait_for_status(run_id, "waiting")
    (task,) = far.tasks_of("approval")
    assert task["status"]["state"] == "TASK_STATE_AUTH_REQUIRED"
    (ticket,) = waiting["waiting"]["tickets"]
    near.client.decide(run_id, ticket["ticket_id"], "resume")
    assert answer_of(near.client, run_id).startswith("The tool answered:")
    (task,) = far.tasks_of("approval")
    assert task["status"]["state"] == "TASK_STATE_COMPLETED"


def test_it_carries_a_cancel_across(peers: tuple[Peer, Peer]) -> None:
    near, far = peers
    run_id = near.client.submit("far-slow", "go")
    with spoken(near.client, run_id) as pieces:
        next(pieces)
        near.client.http.post(f"/v1/runs/{run_id}/cancel")
        list(pieces)
    assert near.client.wait_for_end(run_id)["termination_code"] == "cancelled"
    ends = {"TASK_STATE_CANCELED", "TASK_STATE_COMPLETED"}
    newest = wait_for(
        lambda: far.tasks_of("slow")[0]["status"]["state"], ends.__contains__, what="its end"
    )
    assert newest == "TASK_STATE_CANCELED"


@pytest.mark.parametrize("victim", ["near", "far"])
def test_it_outlives_the_end_of_either_server(peers: tuple[Peer, Peer], victim: str) -> None:
    near, far = peers
    before = len(far.tasks_of("slow"))
    run_id = near.client.submit("far-slow", "go")
    with spoken(near.client, run_id) as pieces:
        next(pieces)
    (near if victim == "near" else far).kill()
    answer = answer_of(near.client, run_id)
    tasks = far.tasks_of("slow")
    assert len(tasks) == before + 1
    shown = far.client.http.get(f"/v1/a2a/demo-slow/tasks/{tasks[0]['id']}").json()
    assert [part["text"] for part in shown["artifacts"][0]["parts"]] == [answer]
