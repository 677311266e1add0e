from typing import Any

import pytest
from pydantic_ai.messages import (
    AudioUrl,
    BinaryContent,
    FinalResultEvent,
    ImageUrl,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartEndEvent,
    PartStartEvent,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.settings import ModelSettings

from runs.providers import build_model
from runs.providers.errors import ProviderError
from runs.providers.settings import ProviderModelSettings
from tests.providers.samples import (
    KEY,
    OK,
    answer,
    asked,
    choice,
    chunk,
    openai,
    run,
    said,
    streaming,
    tool,
)
from tests.providers.upstream import upstream

CALLS = [
    chunk({"tool_calls": [{"index": 0, "id": "c1", "function": {"name": "a", "arguments": ""}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"x":'}}]}),
    chunk({"tool_calls": [{"index": 1, "id": "c2", "function": {"name": "b", "arguments": "{}"}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}),
    chunk(finish="tool_calls"),
    "[DONE]",
]
USAGE = {
    "id": "u",
    "choices": [],
    "usage": {
        "prompt_tokens": 100,
        "completion_tokens": 30,
        "prompt_tokens_details": {"cached_tokens": 40},
        "completion_tokens_details": {"reasoning_tokens": 12},
    },
}


def received(
    messages: Any = None,
    *,
    adapter: str = "openai",
    model: str = "some-model",
    settings: Any = None,
    parameters: ModelRequestParameters | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The body one request sends."""

    async def main() -> dict[str, Any]:
        async with upstream(OK) as server:
            chosen = choice(adapter, f"{server.url}/v1", model=model, **more)
            await answer(
                build_model(chosen),
                messages,
                settings=settings,
                parameters=parameters or ModelRequestParameters(),
            )
            return server.requests[0].body

    return run(main())


def responded(*payloads: object, adapter: str = "openai") -> tuple[ModelResponse, list[Any]]:
    async def main() -> tuple[ModelResponse, list[Any]]:
        async with upstream(streaming(*payloads)) as server:
            return await answer(build_model(choice(adapter, f"{server.url}/v1")))

    return run(main())


def test_it_streams_text_as_part_events() -> None:
    response, events = responded(*said("Hel", "lo"), chunk(finish="stop"), "[DONE]")

    assert [type(event) for event in events] == [
        PartStartEvent,
        FinalResultEvent,
        PartDeltaEvent,
        PartEndEvent,
    ]
    assert response.parts == [TextPart("Hello")]
    assert (response.finish_reason, response.state) == ("stop", "complete")


def test_it_keeps_parallel_tool_calls_apart() -> None:
    response, _ = responded(*CALLS)

    assert [(call.tool_name, call.args, call.tool_call_id) for call in response.tool_calls] == [
        ("a", '{"x":1}', "c1"),
        ("b", "{}", "c2"),
    ]
    assert response.finish_reason == "tool_call"


def test_it_keeps_calls_apart_that_share_an_index() -> None:
    calls = [
        chunk({"tool_calls": [{"index": 0, "id": i, "function": {"name": i, "arguments": "{}"}}]})
        for i in ("c1", "c2", "c3")
    ]
    response, _ = responded(*calls, chunk(finish="stop"), "[DONE]")

    assert [call.tool_name for call in response.tool_calls] == ["c1", "c2", "c3"]
    assert response.finish_reason == "tool_call"


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_it_streams_reasoning_before_text(field: str) -> None:
    response, _ = responded(
        chunk({field: "Let me "}),
        chunk({field: "see.", "content": None}),
        *said("42"),
        chunk(finish="stop"),
        "[DONE]",
    )

    assert response.parts == [
        ThinkingPart("Let me see.", id=field, provider_name="openai"),
        TextPart("42"),
    ]


def test_it_takes_think_tags_of_compatible_servers_as_reasoning() -> None:
    response, _ = responded(
        *said("<think>", "hm", "</think>", "42"), chunk(finish="stop"), "[DONE]", adapter="ollama"
    )

    assert [(part.part_kind, getattr(part, "content", "")) for part in response.parts] == [
        ("thinking", "hm"),
        ("text", "42"),
    ]


def test_it_counts_cached_and_reasoning_tokens() -> None:
    response, _ = responded(*said("x"), chunk(finish="stop"), USAGE, "[DONE]")

    usage = response.usage
    assert (usage.input_tokens, usage.output_tokens) == (100, 30)
    assert (usage.cache_read_tokens, usage.output_reasoning_tokens) == (40, 12)


def test_it_accepts_a_stream_without_done_after_the_finish_reason() -> None:
    response, _ = responded(*said("x"), chunk(finish="length"))

    assert (response.text, response.finish_reason) == ("x", "length")


@pytest.mark.parametrize(
    "payloads",
    [
        pytest.param(said("half"), id="truncated"),
        pytest.param([*said("half"), "{not json"], id="garbage"),
        pytest.param([*said("half"), "[1]"], id="no object"),
        pytest.param([*said("half"), {"choices": "nonsense"}], id="unexpected"),
        pytest.param([*said("half"), {"error": {"message": "oops"}}], id="error object"),
    ],
)
def test_it_reports_a_broken_stream_as_a_retryable_protocol_error(payloads: list[object]) -> None:
    with pytest.raises(ProviderError) as caught:
        responded(*payloads)

    assert (caught.value.code, caught.value.retryable) == ("protocol", True)


def test_it_knows_the_kind_of_an_error_inside_the_stream() -> None:
    error = {"error": {"message": "flagged", "code": "content_filter"}}
    with pytest.raises(ProviderError) as caught:
        responded(*said("half"), error)

    assert (caught.value.code, caught.value.retryable) == ("content_filter", False)


def test_it_sends_the_key_and_asks_for_usage() -> None:
    async def main() -> None:
        async with upstream(OK) as server:
            await answer(openai(server.url, adapter_options={"headers": {"X-Team": "blue"}}))
            request = server.requests[0]
            assert request.path == "/v1/chat/completions"
            assert request.headers["authorization"] == f"Bearer {KEY}"
            assert request.headers["x-team"] == "blue"
            assert request.body["stream_options"] == {"include_usage": True}

    run(main())


def test_it_sends_history_with_tool_results_right_after_their_calls() -> None:
    history = [
        ModelRequest(parts=[SystemPromptPart("be brief"), UserPromptPart("hi")], instructions="x"),
        ModelResponse(
            parts=[
                ThinkingPart("t", id="reasoning", provider_name="openai"),
                TextPart("so"),
                ToolCallPart("a", {"n": 1}, "c1"),
            ]
        ),
        ModelRequest(
            parts=[UserPromptPart("and?"), ToolReturnPart("a", {"ok": True}, tool_call_id="c1")],
            instructions="be kind",
        ),
    ]
    function = {"name": "a", "arguments": '{"n":1}'}

    assert received(history)["messages"] == [
        {"role": "system", "content": "be kind"},
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "hi"},
        {
            "role": "assistant",
            "content": "so",
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
            "reasoning": "t",
        },
        {"role": "tool", "tool_call_id": "c1", "content": '{"ok":true}'},
        {"role": "user", "content": "and?"},
    ]


def test_it_sends_images_audio_and_documents() -> None:
    content: list[UserContent] = [
        "look",
        ImageUrl("https://example.org/a.png"),
        BinaryContent(b"PNG", media_type="image/png"),
        BinaryContent(b"WAV", media_type="audio/wav"),
        BinaryContent(b"%PDF", media_type="application/pdf", identifier="doc"),
        BinaryContent(b"%PDF", media_type="application/pdf", identifier="named.pdf"),
        BinaryContent(b"plain", media_type="text/plain"),
    ]
    wire = received([ModelRequest(parts=[UserPromptPart(content)])])["messages"][0]["content"]

    assert wire == [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,UE5H"}},
        {"type": "input_audio", "input_audio": {"data": "V0FW", "format": "wav"}},
        {
            "type": "file",
            "file": {"filename": "doc.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
        },
        {
            "type": "file",
            "file": {"filename": "named.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
        },
        {"type": "text", "text": "plain"},
    ]


def test_it_refuses_content_the_wire_has_no_form_for() -> None:
    with pytest.raises(ProviderError) as caught:
        received([ModelRequest(parts=[UserPromptPart([AudioUrl("https://example.org/a.mp3")])])])

    assert (caught.value.code, caught.value.retryable) == ("bad_request", False)


def test_it_passes_sampling_settings_on() -> None:
    settings = ModelSettings(
        temperature=0.5, top_p=0.9, max_tokens=7, seed=3, stop_sequences=["END"]
    )
    body = received(settings=settings)

    assert {name: body[name] for name in ("temperature", "top_p", "seed", "stop")} == {
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 3,
        "stop": ["END"],
    }
    assert body["max_completion_tokens"] == 7


def test_it_merges_extra_bodies_of_provider_and_request() -> None:
    body = received(
        settings=ModelSettings(extra_body={"b": 2}), adapter_options={"extra_body": {"a": 1}}
    )

    assert (body["a"], body["b"]) == (1, 2)


@pytest.mark.parametrize(
    ("adapter", "model", "effort", "expected"),
    [
        ("openai", "gpt-5", "max", {"reasoning_effort": "high"}),
        ("openai", "gpt-5", "none", {"reasoning_effort": "minimal"}),
        ("openai", "o3", 20_000, {"reasoning_effort": "high"}),
        ("openai", "gpt-4o", "high", {}),
        ("groq", "qwen", "low", {"reasoning_effort": "low"}),
        ("deepseek", "chat", "none", {"thinking": {"type": "disabled"}}),
        ("zai", "glm", 9_000, {"thinking": {"type": "enabled"}}),
        ("aliyun", "qwen", 9_000, {"enable_thinking": True, "thinking_budget": 9_000}),
        ("aliyun", "qwen", "none", {"enable_thinking": False}),
    ],
)
def test_it_maps_the_reasoning_effort(
    adapter: str, model: str, effort: Any, expected: dict[str, Any]
) -> None:
    body = received(
        adapter=adapter, model=model, settings=ProviderModelSettings(reasoning_effort=effort)
    )
    names = ("reasoning_effort", "thinking", "enable_thinking", "thinking_budget")

    assert {name: body[name] for name in names if name in body} == expected


def test_it_leaves_sampling_settings_out_where_a_reasoning_model_refuses_them() -> None:
    assert "temperature" not in received(model="o3", settings=ModelSettings(temperature=0.1))


@pytest.mark.parametrize(
    ("wanted", "choice_sent", "tools_sent"),
    [
        (None, None, ["a", "b"]),
        ("required", "required", ["a", "b"]),
        ("none", "none", ["a", "b"]),
        (["b"], {"type": "function", "function": {"name": "b"}}, ["b"]),
    ],
)
def test_it_sends_tools_and_the_choice_between_them(
    wanted: Any, choice_sent: Any, tools_sent: list[str]
) -> None:
    settings = ModelSettings(tool_choice=wanted) if wanted else None
    parameters = ModelRequestParameters(function_tools=[tool("a"), tool("b")])
    body = received(settings=settings, parameters=parameters)

    assert body.get("tool_choice") == choice_sent
    assert [sent["function"]["name"] for sent in body["tools"]] == tools_sent


def test_it_asks_for_json_of_a_schema() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    parameters = ModelRequestParameters(
        output_mode="native", output_object=OutputObjectDefinition(json_schema=schema, name="n")
    )

    assert received(parameters=parameters)["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": schema, "strict": False},
    }


def test_it_puts_the_schema_into_the_instructions_where_the_endpoint_knows_only_json() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    parameters = ModelRequestParameters(
        output_mode="native", output_object=OutputObjectDefinition(json_schema=schema)
    )
    body = received(asked(instructions="be kind"), adapter="deepseek", parameters=parameters)

    assert body["response_format"] == {"type": "json_object"}
    assert body["messages"][0]["content"].startswith("be kind")
    assert '"integer"' in body["messages"][0]["content"]
