"""Stored messages as the model layer reads them."""

from typing import Any

from pydantic_ai.messages import (
    BinaryContent,
    DocumentUrl,
    ModelMessage,
    ModelResponse,
    TextPart,
    UserPromptPart,
)

from config.specs import AgentSpec
from runs.engine.conversation import Entry
from runs.engine.prompt import model_messages
from tests.config.samples import AGENT

DATA = {"type": "data", "data": {"z": 1.0, "a": [1, 2**53 + 1, None]}}
DATA_TEXT = '{"z":1.0,"a":[1,9007199254740993,null]}'


def read(role: str, *blocks: dict[str, Any]) -> ModelMessage:
    agent = AgentSpec.model_validate({**AGENT, "system_prompt": ""})
    (message,) = model_messages(agent, [Entry("m", role, list(blocks))])
    return message


def asked(*blocks: dict[str, Any]) -> Any:
    (part,) = read("user", *blocks).parts
    assert isinstance(part, UserPromptPart)
    return part.content


def test_it_reads_data_of_a_user_as_json_beside_the_text() -> None:
    assert asked({"type": "text", "text": "look"}, DATA) == ["look", DATA_TEXT]


def test_it_reads_data_of_an_assistant_as_json() -> None:
    message = read("assistant", {"type": "text", "text": "look"}, DATA)
    assert isinstance(message, ModelResponse)
    assert message.parts == [TextPart("look"), TextPart(DATA_TEXT)]


def test_it_reads_texts_as_one() -> None:
    assert asked({"type": "text", "text": "a"}, {"type": "text", "text": "b"}) == "ab"


def test_it_calls_a_file_by_its_name() -> None:
    data = {"type": "base64", "media_type": "application/pdf", "data": "eA=="}
    url = {"type": "url", "url": "https://x.example/a", "media_type": "text/csv"}
    sent, linked = asked(
        {"type": "document", "source": data, "name": "paper.pdf"},
        {"type": "document", "source": url, "name": "table.csv"},
    )
    assert isinstance(sent, BinaryContent)
    assert isinstance(linked, DocumentUrl)
    assert (sent.identifier, sent.media_type) == ("paper.pdf", "application/pdf")
    assert (linked.identifier, linked.media_type) == ("table.csv", "text/csv")
