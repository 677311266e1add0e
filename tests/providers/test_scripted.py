from typing import Any

import pytest
from pydantic import ValidationError
from pydantic_ai.messages import (
    FilePart,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponseStreamEvent,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters

from runs.providers import ModelChoice, ProviderSettings, build_model
from runs.providers.errors import ProviderError
from runs.providers.retry import RetryPolicy
from tests.providers.samples import FAST, PLAIN, answer, asked, run, tool

ONCE = RetryPolicy(max_retries=0)


def scripted(script: Any = None, *, model: str = "m", **options: Any) -> ModelChoice:
    if script is not None:
        options["script"] = script
    provider = ProviderSettings(id="s", adapter="scripted", adapter_options=options)
    return ModelChoice(upstream_model=model, provider=provider)


def replied(
    script: Any,
    messages: list[ModelMessage] | None = None,
    *,
    parameters: ModelRequestParameters = PLAIN,
    policy: RetryPolicy = ONCE,
) -> ModelResponse:
    model = build_model(scripted(script))
    return run(answer(model, messages, parameters=parameters, policy=policy))[0]


def deltas(*actions: dict[str, Any]) -> list[str]:
    """The texts of a reply as they arrive."""
    _, events = run(answer(build_model(scripted([{"reply": list(actions)}]))))
    return [text for event in events if (text := _text(event)) is not None]


def _text(event: ModelResponseStreamEvent) -> str | None:
    if isinstance(event, PartStartEvent) and isinstance(event.part, TextPart):
        return event.part.content
    if isinstance(event, PartDeltaEvent) and isinstance(event.delta, TextPartDelta):
        return event.delta.content_delta
    return None


def after_tool(result: str = "sunny") -> list[ModelMessage]:
    return [
        *asked("weather?"),
        ModelResponse(parts=[ToolCallPart("weather", {}, "c1")]),
        ModelRequest(parts=[ToolReturnPart("weather", result, tool_call_id="c1")]),
    ]


def test_it_echoes_without_a_script() -> None:
    response = run(answer(build_model(scripted()), asked("say it again, please")))[0]

    assert (response.text, response.finish_reason) == ("say it again, please", "stop")


@pytest.mark.parametrize(
    ("cut", "expected"),
    [
        ({"chunks": 3}, ["ab", "cd", "ef"]),
        ({"chunk_size": 4}, ["abcd", "ef"]),
        ({"chunk_list": ["a", "bcd"]}, ["a", "bcd"]),
        ({}, ["abcdef"]),
    ],
)
def test_it_cuts_text_as_told(cut: dict[str, Any], expected: list[str]) -> None:
    assert deltas({"text": "abcdef", **cut}) == expected


@pytest.mark.parametrize(
    ("when", "matches"),
    [
        ({}, True),
        ({"last_user": "weather"}, True),
        ({"last_user": {"regex": "^w.*[?]$"}}, True),
        ({"last_user": {"equals": "weather"}}, False),
        ({"last_user": {"starts_with": "wea", "contains": "?"}}, True),
        ({"has_tool_result": True}, True),
        ({"has_tool_result": False}, False),
        ({"has_tool_result": "weather"}, True),
        ({"has_tool_result": "clock"}, False),
        ({"turn": 1}, True),
        ({"turn": 0}, False),
        ({"message_id": "msg-"}, False),
        ({"metadata": {"a": 1}}, False),
    ],
)
def test_it_answers_by_the_first_rule_that_holds(when: dict[str, Any], matches: bool) -> None:
    script = [
        {"when": when, "reply": [{"text": "yes"}]},
        {"reply": [{"text": "no"}]},
    ]

    assert replied(script, after_tool()).text == ("yes" if matches else "no")


def test_it_knows_id_and_metadata_of_the_user_message() -> None:
    when = {"message_id": "msg-4", "metadata": {"demo": {"slow": True}}}
    script = [{"when": when, "reply": [{"text": "yes"}]}]
    metadata = {"message_id": "msg-42", "metadata": {"demo": {"slow": True, "n": 1}}}

    assert replied(script, asked("x", metadata=metadata)).text == "yes"


def test_it_fills_in_placeholders() -> None:
    text = "{{last_user}} {{tool_result}} {{ message_count }} {{turn}} {{unknown}}"

    assert replied([{"reply": [{"text": text}]}], after_tool()).text == (
        "weather? sunny 3 1 {{unknown}}"
    )


def test_it_calls_a_tool_with_filled_arguments() -> None:
    call = {"name": "weather", "arguments": {"q": ["{{last_user}}"], "n": 1}}
    response = replied([{"reply": [{"tool_call": call, "chunks": 4}]}], asked("Oslo"))

    assert [(part.tool_name, part.args_as_dict()) for part in response.tool_calls] == [
        ("weather", {"q": ["Oslo"], "n": 1})
    ]
    assert response.finish_reason == "tool_call"


def test_it_sends_broken_arguments_as_they_are() -> None:
    call = {"name": "weather", "arguments": '{"broken'}
    response = replied([{"reply": [{"tool_call": call}]}])

    assert response.tool_calls[0].args == '{"broken'


def test_it_makes_the_same_call_ids_again_and_never_twice_in_a_conversation() -> None:
    call = {"tool_call": {"name": "weather"}}
    script = [{"reply": [call, call]}]

    def ids(history: list[ModelMessage]) -> list[str]:
        return [part.tool_call_id for part in replied(script, history).tool_calls]

    first = ids(asked())
    assert ids(asked()) == first
    assert len({*first, *ids(after_tool()), "c1"}) == 5


def test_it_calls_the_first_tool_of_the_client() -> None:
    tools = [tool("server_side"), tool("confirm", source="client"), tool("x", source="client")]
    script = [{"reply": [{"client_tool": "first", "arguments": {"sure": True}}]}]
    response = replied(script, parameters=ModelRequestParameters(function_tools=tools))

    assert [(part.tool_name, part.args_as_dict()) for part in response.tool_calls] == [
        ("confirm", {"sure": True})
    ]


def test_it_calls_no_tool_the_client_did_not_supply() -> None:
    script = [{"reply": [{"client_tool": "first"}, {"text": "none"}]}]
    parameters = ModelRequestParameters(function_tools=[tool("server_side")])

    assert replied(script, parameters=parameters).parts == [TextPart("none")]


def test_it_reasons_and_sends_files() -> None:
    script = [
        {
            "reply": [
                {"reasoning": "hm", "chunks": 2, "signature": "s"},
                {"file": {"media_type": "image/png", "data": "UE5H"}},
            ]
        }
    ]
    thought, file = replied(script).parts

    assert thought == ThinkingPart("hm", signature="s", provider_name="scripted")
    assert isinstance(file, FilePart)
    assert (file.content.data, file.content.media_type) == (b"PNG", "image/png")


def test_it_reports_usage_and_finish_reason_as_told() -> None:
    usage = {"input_tokens": 7, "output_tokens": 9, "reasoning_tokens": 4}
    response = replied([{"reply": [{"text": "x"}, {"usage": usage}, {"finish_reason": "length"}]}])

    assert (response.usage.input_tokens, response.usage.output_tokens) == (7, 9)
    assert response.usage.output_reasoning_tokens == 4
    assert response.finish_reason == "length"


def test_it_estimates_usage_otherwise() -> None:
    response = replied([{"reply": [{"text": "x" * 40}]}], asked("y" * 20))

    assert (response.usage.input_tokens, response.usage.output_tokens) == (5, 10)


def test_it_fails_as_told() -> None:
    error = {"status": 429, "message": "slow down", "retry_after": 3}
    with pytest.raises(ProviderError) as caught:
        replied([{"reply": [{"error": error}]}])

    assert (caught.value.code, caught.value.retry_after) == ("rate_limit", 3)


def test_it_fails_only_as_often_as_told() -> None:
    script = [{"reply": [{"error": {"status": 503, "times": 2}}, {"text": "at last"}]}]

    assert replied(script, policy=FAST).text == "at last"


def test_it_remembers_failures_of_a_message_beyond_the_model() -> None:
    script = [{"reply": [{"error": {"status": 503, "times": 1}}, {"text": "at last"}]}]
    history = asked("x", metadata={"message_id": "msg-remembered"})
    with pytest.raises(ProviderError):
        replied(script, history)

    assert replied(script, history).text == "at last"


def test_it_fails_in_the_middle_of_a_reply() -> None:
    script = [{"reply": [{"text": "half"}, {"error": {"status": 500}}]}]
    with pytest.raises(ProviderError) as caught:
        replied(script, policy=FAST)

    assert caught.value.code == "server_error"


def test_it_prefers_the_script_of_the_model() -> None:
    scripts = {"m": [{"reply": [{"text": "mine"}]}]}
    chosen = scripted([{"reply": [{"text": "everybody's"}]}], scripts=scripts)

    assert run(answer(build_model(chosen)))[0].text == "mine"


@pytest.mark.parametrize(
    "script",
    [
        [{"reply": [{"says": "x"}]}],
        [{"reply": [{"text": "x", "chunks": 1, "chunk_size": 1}]}],
        [{"reply": [{"error": {"status": 200}}]}],
        [{"when": {"last_user": {"regex": "("}}, "reply": []}],
        [{"when": {"moon": "full"}, "reply": []}],
        {"reply": []},
    ],
)
def test_it_refuses_a_script_it_does_not_understand(script: Any) -> None:
    with pytest.raises(ValidationError):
        build_model(scripted(script))


def test_it_takes_the_text_of_multimodal_prompts() -> None:
    request = ModelRequest(parts=[UserPromptPart(["two ", "parts"])])

    assert replied([], [request]).text == "two parts"
