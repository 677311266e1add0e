"""Remote agents that fail, hang, lie or lead astray, and runs that are stopped meanwhile."""

import threading
from typing import Any

import pytest

from agentserver.core.secrets import SecretUnreadableError
from agentserver_a2a.client import abandoned, records, turns
from agentserver_a2a.models import RemoteTask
from config import registry as registries
from runs import dispatch
from runs.engine import host
from runs.providers import remote_model
from tests.faces.a2a_remote import SECONDS, chunk, completed, remote, status
from tests.faces.a2a_remote_agent import Far, deltas, far, wait_for_text
from tests.processes import wait_until

__all__ = ["far", "remote"]


# --- ends -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "code", "said"),
    [
        ("FAILED", "error", "out of ink"),
        ("REJECTED", "blocked", "out of ink"),
        ("CANCELED", "error", "cancelled by the remote agent"),
    ],
)
def test_it_ends_as_the_remote_task_does(far: Far, state: str, code: str, said: str) -> None:
    far.remote.play(status(state, "out of ink"))
    run = far.ask()
    assert run.termination_code.split(":")[0] == code
    assert said in run.termination_detail


def test_it_cancels_the_remote_task_with_the_run(far: Far) -> None:
    gate = threading.Event()
    far.remote.play(chunk("one"), gate)
    run_id = far.begin()
    wait_for_text(run_id, "one")
    far.api.post(f"/v1/runs/{run_id}/cancel")
    assert far.engine.finished(run_id).termination_code == "cancelled"
    far.remote.sent(":cancel")
    gate.set()


def test_it_cancels_the_remote_task_of_a_run_that_waits(far: Far) -> None:
    far.remote.play(status("INPUT_REQUIRED", "Which one?"))
    run = far.engine.suspended(far.begin())
    far.api.post(f"/v1/runs/{run.pk}/cancel")
    far.remote.sent(":cancel")


def test_it_gives_up_after_the_endpoints_time(far: Far) -> None:
    gate = threading.Event()
    far.remote.play(chunk("one"), gate)
    run = far.at(timeout_ms=2000).ask()
    gate.set()
    assert run.termination_code.startswith("error")
    assert "2000 ms" in run.termination_detail
    far.remote.sent(":cancel")


# --- misbehaviour ---------------------------------------------------------------------------------


def test_it_follows_the_task_when_the_stream_breaks(far: Far) -> None:
    gate = threading.Event()
    far.remote.play(chunk("one "), gate, chunk("two", append=True), completed())
    run_id = far.begin()
    wait_for_text(run_id, "one ")
    far.remote.cut()
    far.remote.sent(":subscribe")
    gate.set()
    assert far.engine.finished(run_id).final_output == "one two"
    assert deltas(run_id) == ["one ", "two"]
    assert len(far.remote.sent("message:stream")) == 1


def test_it_sends_the_same_key_with_every_try(far: Far) -> None:
    far.remote.raw["/a2a/message:stream"] = (503, b"{}")
    run_id = far.begin()
    first, second = far.remote.sent("message:stream", 2)[:2]
    del far.remote.raw["/a2a/message:stream"]
    assert far.engine.finished(run_id).status == "done"
    assert first.headers["idempotency-key"] == f"{run_id}:0" == second.headers["idempotency-key"]


@pytest.mark.parametrize(
    "answer",
    [b"not json", b"[]", b'{"task": 1}', b'{"task": {"id": 5}}', b'{"statusUpdate": {}}', b"{}"],
)
def test_it_ends_in_order_when_the_agent_talks_nonsense(far: Far, answer: bytes) -> None:
    far.engine.agent(
        "far",
        [],
        endpoint={"base_url": far.remote.url},
        sections={"retry": {"max_retries": 0, "backoff_base_ms": 1}},
    )
    far.remote.streaming = False
    far.remote.raw["/a2a/message:send"] = (200, answer)
    run_id = far.begin()
    far.remote.sent("message:send")
    # A server in trouble may recover, so the run is tried again until somebody stops it.
    far.api.post(f"/v1/runs/{run_id}/cancel")
    assert far.engine.finished(run_id).termination_code == "cancelled"


def test_it_cancels_a_task_that_was_on_its_way(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "LAST_SECONDS", SECONDS)
    gate = threading.Event()
    far.remote.play(gate)
    far.remote.hanging = {"/a2a/message:stream"}
    run_id = far.begin()
    far.remote.sent("message:stream")
    far.api.post(f"/v1/runs/{run_id}/cancel")
    far.remote.release()
    assert far.engine.finished(run_id).termination_code == "cancelled"
    far.remote.sent(":cancel")
    gate.set()


@pytest.mark.parametrize("path", ["/.well-known/agent-card.json", "/a2a/message:stream"])
def test_it_can_be_stopped_while_the_agent_hangs(far: Far, path: str) -> None:
    far.remote.hanging = {path}
    run_id = far.begin()
    far.remote.sent(path)
    far.api.post(f"/v1/runs/{run_id}/cancel")
    assert far.engine.finished(run_id).termination_code == "cancelled"


def test_it_does_not_wait_longer_for_the_first_word(far: Far) -> None:
    far.remote.hanging = {"/a2a/message:stream"}
    assert "300 ms" in far.at(timeout_ms=300).ask().termination_detail


def test_it_ends_a_task_that_never_stops_to_change_its_mind(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_model, "MOST_REPLACED", 2)
    gates = [threading.Event() for _ in range(4)]
    texts = ("one", "two", "three", "four")
    steps = [step for pair in zip(map(chunk, texts), gates, strict=True) for step in pair]
    far.remote.play(*steps)
    run_id = far.begin()
    for text, gate in zip(texts[:3], gates[:3], strict=True):
        wait_for_text(run_id, text)
        gate.set()
    assert "too often" in far.engine.finished(run_id).termination_detail
    gates[3].set()


def test_it_takes_text_that_no_database_would(far: Far) -> None:
    far.remote.play(chunk("a\x00b"), status("FAILED", "c\x00d"))
    assert far.ask().termination_detail == "c\ufffdd"


def test_it_refuses_addresses_inside_the_network(far: Far, settings: Any) -> None:
    settings.AGENTSERVER_EGRESS_ALLOW = []
    run = far.ask()
    assert run.termination_code.startswith("error")
    assert far.remote.requests == []


def test_it_refuses_an_interface_inside_the_network(far: Far, settings: Any) -> None:
    settings.AGENTSERVER_EGRESS_ALLOW = [far.remote.url.removeprefix("http://")]
    interface = {"protocolBinding": "HTTP+JSON", "protocolVersion": "1.0"}
    far.remote.card = {"supportedInterfaces": [interface | {"url": "http://127.0.0.1:9/a2a"}]}
    run = far.ask()
    assert run.termination_code.startswith("error")
    assert len(far.remote.requests) == 1


def test_it_says_when_there_is_no_agent(far: Far) -> None:
    far.remote.raw["/.well-known/agent-card.json"] = (404, b"")
    assert "no agent card" in far.ask().termination_detail


def test_it_takes_the_address_of_an_interface(far: Far) -> None:
    far.remote.raw["/.well-known/agent-card.json"] = (404, b"")
    far.remote.play(chunk("found"), completed())
    far.at(base_url=far.remote.url + "/a2a")
    assert far.ask().final_output == "found"


def test_it_fetches_the_card_once(far: Far) -> None:
    far.ask()
    far.ask()
    assert len(far.remote.sent("agent-card.json")) == 1


def test_it_asks_whether_an_old_card_has_changed(far: Far) -> None:
    far.remote.card_headers = {"cache-control": "public, max-age=0", "etag": '"v1"'}
    assert [far.ask().termination_code, far.ask().termination_code] == ["natural", "natural"]
    first, second = far.remote.sent("agent-card.json", 2)
    assert (first.headers.get("if-none-match"), second.headers["if-none-match"]) == (None, '"v1"')


def test_it_joins_the_task_after_a_shutdown(far: Far) -> None:
    gate = threading.Event()
    far.remote.play(chunk("one "), gate, chunk("two", append=True), completed())
    run_id = far.begin()
    wait_for_text(run_id, "one ")
    far.engine.stop()
    dispatch.set_local_worker(host.of_this_process(sweeps=True).wake)
    far.remote.sent(":subscribe")
    gate.set()
    run = far.engine.finished(run_id)
    assert (run.final_output, run.attempt) == ("one two", 2)
    assert len(far.remote.sent("message:stream")) == 1


def test_it_gives_up_a_task_whose_token_cannot_be_read(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(registry: registries.Registry, agent_id: str) -> Any:
        raise SecretUnreadableError

    monkeypatch.setattr(abandoned, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(registries.Registry, "agent_with_secrets", unreadable)
    row = RemoteTask.objects.create(
        run_id="gone",
        step=0,
        agent_id="far",
        config_version=registries.current().version,
        base_url=far.remote.url,
        task_id="t",
        cancel_attempts=records.MOST_ATTEMPTS - 1,
    )
    settled = RemoteTask.objects.filter(pk=row.pk, ended=True)
    wait_until(settled.exists, what="the last try", seconds=SECONDS)
