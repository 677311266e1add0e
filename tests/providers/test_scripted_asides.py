"""What scripts say beside their message: artifacts, data, files with a name."""

from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_ai.messages import ModelMessage

from runs.events.types import AnyEvent, ArtifactUpdated, DataProduced, FileProduced
from runs.providers import ModelChoice, ProviderSettings, build_model
from runs.providers.aside import Aside
from runs.providers.script_spec import ScriptSpec
from tests.providers.samples import answer, asked, run

DATA = {"type": "data", "data": {"b": None, "a": [1.0, 2**53 + 1]}}


def said_beside(*actions: dict[str, Any], to: list[ModelMessage] | None = None) -> list[AnyEvent]:
    script = [{"reply": list(actions)}]
    provider = ProviderSettings(id="s", adapter="scripted", adapter_options={"script": script})
    model = build_model(ModelChoice(upstream_model="m", provider=provider))
    found: list[Any] = run(answer(model, to))[1]
    return [event.event for event in found if isinstance(event, Aside)]


def test_it_publishes_an_artifact() -> None:
    (event,) = said_beside(
        {
            "artifact": {
                "artifact_id": "a1",
                "name": "A",
                "description": "D",
                "parts": ["to {{last_user}}", DATA],
                "append": True,
                "last_chunk": False,
                "metadata": {"m": None},
            }
        },
        to=asked("Rome"),
    )
    assert event == ArtifactUpdated(
        artifact_id="a1",
        name="A",
        description="D",
        parts=[{"type": "text", "text": "to Rome"}, DATA],
        append=True,
        last_chunk=False,
        metadata={"m": None},
    )


def test_it_names_artifacts_repeatably() -> None:
    piece = {"artifact": {"parts": ["x"]}}

    def ids(to: str) -> list[Any]:
        return [
            getattr(event, "artifact_id", "") for event in said_beside(piece, piece, to=asked(to))
        ]

    assert ids("Rome") == ids("Rome")
    assert len({*ids("Rome"), *ids("Oslo")}) == 4


def test_it_produces_data() -> None:
    (event,) = said_beside(
        {"data": {"name": "x", "data": {"t": "{{last_user}}", "n": None}, "data_id": "d"}},
        to=asked("Rome"),
    )
    assert event == DataProduced(name="x", data={"t": "Rome", "n": None}, data_id="d")


@pytest.mark.parametrize("source", [{"data": "eA=="}, {"url": "https://x.example/a"}])
def test_it_produces_a_file_with_a_name(source: dict[str, str]) -> None:
    (event,) = said_beside({"file": {"media_type": "text/plain", "name": "a.txt", **source}})
    assert isinstance(event, FileProduced)
    assert event.model_dump(include={"media_type", "name", *source}) == {
        "media_type": "text/plain",
        "name": "a.txt",
        **source,
    }


@pytest.mark.parametrize(
    "action",
    [
        {"file": {"media_type": "text/plain"}},
        {"file": {"media_type": "text/plain", "data": "eA==", "url": "https://x.example"}},
        {"artifact": {}},
        {"artifact": {"parts": [{"type": "hologram"}]}},
        {"artifact": {"parts": ["x"], "artifact_id": ""}},
        {"data": {"data": 1}},
        {"data": {"name": ""}},
    ],
)
def test_it_refuses_a_malformed_action(action: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ScriptSpec.model_validate([{"reply": [action]}])
