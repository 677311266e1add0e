"""Workers that are killed while a webhook has not answered: its story goes on and ends."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faces.a2a_push import COMPLETED, WHOLE_STORY, WORKING, story, what
from tests.live.app.agents import talk
from tests.live.conftest import Rough
from tests.receiver import Answer, Received, Receiver, receiving

Json = dict[str, Any]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def send(rough: Rough, key: str, hook: Json) -> str:
    """The id of the task."""
    message = {"messageId": key, "role": "ROLE_USER", "parts": [{"text": key}]}
    configuration = {"returnImmediately": True, "taskPushNotificationConfig": hook}
    body = {"message": message, "configuration": configuration}
    answer = rough.client.http.post("/v1/a2a/live-text/message:send", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["task"]["id"])


def without_repeats(seen: list[str]) -> list[str]:
    return [each for number, each in enumerate(seen) if number == 0 or seen[number - 1] != each]


def test_it_goes_on_after_the_workers_were_killed(rough: Rough, receiver: Receiver) -> None:
    killed = threading.Event()

    def answer(_: Received) -> Answer:
        assert killed.wait(60)
        return Answer()

    receiver.answer = answer
    key = rough.key("webhook")
    secret = {"scheme": "Bearer", "credentials": key}
    send(rough, key, {"url": receiver.url, "authentication": secret})
    assert what(receiver.wait_for(1)[0]) == WORKING

    while rough.live.worker_pids:
        rough.live.kill_worker()
    killed.set()
    rough.heal()

    seen = receiver.wait_until(lambda all_: what(all_[-1]) == COMPLETED)
    assert without_repeats(story(receiver)) == WHOLE_STORY
    # The notification whose answer nobody heard was sent once more.
    assert story(receiver).count(WORKING) == 2
    artifact = seen[-2].json["artifactUpdate"]["artifact"]
    assert artifact["parts"] == [{"text": talk(key)}]
    assert {request.headers["authorization"] for request in seen} == {f"Bearer {key}"}
