"""Tools that return their questions and are called again with the answers (2026)."""

from typing import Any

from mcp import types
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from agentserver_mcp.plugins import prompt, tool
from tests.mcp_fixtures.asking import one_string
from tests.mcp_fixtures.content import result, text

Answer = types.CallToolResult | types.InputRequiredResult
CONFIRM = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}


def form(message: str, schema: dict[str, Any]) -> types.ElicitRequest:
    asked = types.ElicitRequestFormParams(message=message, requested_schema=schema)
    return types.ElicitRequest(params=asked)


def sample(question: str) -> types.CreateMessageRequest:
    said = types.SamplingMessage(role="user", content=text(question))
    asked = types.CreateMessageRequestParams(messages=[said], max_tokens=100)
    return types.CreateMessageRequest(params=asked)


def asks(state: str | None = None, **requests: Any) -> types.InputRequiredResult:
    return types.InputRequiredResult(input_requests=requests, request_state=state)


def answers(params: Any) -> dict[str, dict[str, Any]]:
    given = params.input_responses or {}
    return {
        key: each.model_dump(mode="json", by_alias=True) if hasattr(each, "model_dump") else each
        for key, each in given.items()
    }


def filled(params: Any, key: str, member: str) -> str | None:
    """The text that the user filled in; None when it is missing or no text."""
    content = answers(params).get(key, {}).get("content") or {}
    value = content.get(member)
    return value if isinstance(value, str) else None


@tool("test_input_required_result_elicitation", description="Asks for a name.")
async def by_elicitation(ctx: Any, params: Any) -> Answer:
    name = filled(params, "user_name", "name")
    if name is None:
        return asks(user_name=form("What is your name?", one_string("name")))
    return result(text(f"Hello, {name}!"))


@tool("test_streaming_elicitation", description="Asks for a name.")
async def streaming_elicitation(ctx: Any, params: Any) -> Answer:
    return await by_elicitation(ctx, params)


@tool("test_input_required_result_sampling", description="Asks the client's model.")
async def by_sampling(ctx: Any, params: Any) -> Answer:
    answer = answers(params).get("capital_question")
    if answer is None:
        return asks(capital_question=sample("What is the capital of France?"))
    return result(text(f"The model said: {answer.get('content')}"))


@tool("test_input_required_result_list_roots", description="Asks for the client's roots.")
async def by_roots(ctx: Any, params: Any) -> Answer:
    answer = answers(params).get("client_roots")
    if answer is None:
        return asks(client_roots=types.ListRootsRequest())
    return result(text(f"Roots: {answer.get('roots')}"))


async def _confirmed(params: Any) -> Answer:
    if params.request_state is None:
        return asks("confirming", confirm=form("Please confirm", CONFIRM))
    if params.request_state != "confirming":
        raise MCPError(INVALID_PARAMS, "Unknown state")
    if "confirm" not in answers(params):
        return asks("confirming", confirm=form("Please confirm", CONFIRM))
    return result(text("state-ok: confirmed"))


@tool("test_input_required_result_request_state", description="Keeps state with the client.")
async def request_state(ctx: Any, params: Any) -> Answer:
    return await _confirmed(params)


@tool("test_input_required_result_tampered_state", description="Refuses a changed state.")
async def tampered_state(ctx: Any, params: Any) -> Answer:
    return await _confirmed(params)


@tool("test_input_required_result_multiple_inputs", description="Asks three things at once.")
async def multiple_inputs(ctx: Any, params: Any) -> Answer:
    missing = {"user_name", "greeting", "client_roots"} - answers(params).keys()
    if missing:
        return asks(
            "collecting",
            user_name=form("What is your name?", one_string("name")),
            greeting=sample("Generate a greeting"),
            client_roots=types.ListRootsRequest(),
        )
    return result(text(f"Hello, {filled(params, 'user_name', 'name')}!"))


@tool("test_input_required_result_multi_round", description="Asks in two rounds.")
async def multi_round(ctx: Any, params: Any) -> Answer:
    if params.request_state is None:
        return asks("step1", step1=form("What is your name?", one_string("name")))
    if params.request_state == "step1":
        name = filled(params, "step1", "name") or ""
        return asks(f"step2:{name}", step2=form("Your favourite colour?", one_string("color")))
    _, _, name = params.request_state.partition(":")
    return result(text(f"{name} likes {filled(params, 'step2', 'color')}"))


@tool("test_input_required_result_capabilities", description="Asks what the client can answer.")
async def by_capabilities(ctx: Any, params: Any) -> Answer:
    declared = ctx.session.client_capabilities
    requests: dict[str, Any] = {}
    if declared and declared.elicitation is not None:
        requests["user_name"] = form("What is your name?", one_string("name"))
    if declared and declared.sampling is not None:
        requests["greeting"] = sample("Generate a greeting")
    if declared and declared.roots is not None:
        requests["client_roots"] = types.ListRootsRequest()
    if not requests or answers(params):
        return result(text("Nothing to ask"))
    return asks(**requests)


@prompt("test_input_required_result_prompt", description="Asks for context first.")
async def asking_prompt(ctx: Any, params: Any) -> Any:
    context = filled(params, "user_context", "context")
    if context is None:
        return asks(user_context=form("What context?", one_string("context")))
    message = types.PromptMessage(role="user", content=text(f"Use this context: {context}"))
    return types.GetPromptResult(messages=[message])
