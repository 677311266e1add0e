"""Stored messages as the model layer's messages, and an agent's configuration as a request."""

import base64
from collections.abc import Iterable, Sequence
from typing import Any, cast

from pydantic_ai.messages import (
    AudioUrl,
    BinaryContent,
    DocumentUrl,
    ImageUrl,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    SystemPromptPart,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserContent,
    UserPromptPart,
    VideoUrl,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from config.specs import AgentSpec
from runs.engine.conversation import Entry, repaired
from runs.mailbox.ledger import FAILED
from runs.providers.settings import ProviderModelSettings
from runs.tools import Tool
from threads.content import data_text, file_name

URL_KINDS: dict[str, Any] = {
    "image": ImageUrl,
    "audio": AudioUrl,
    "video": VideoUrl,
    "document": DocumentUrl,
}


def model_messages(agent: AgentSpec, entries: Iterable[Entry]) -> list[ModelMessage]:
    """The request's messages: the agent's prompt first, then the repaired conversation."""
    messages: list[ModelMessage] = []
    if agent.system_prompt:
        messages.append(ModelRequest(parts=[SystemPromptPart(agent.system_prompt)]))
    names: dict[str, str] = {}
    for entry in repaired(entries):
        names |= {call["id"]: call["name"] for call in entry.tool_calls}
        message = _message(entry, names)
        if message.parts:
            messages.append(message)
    return messages


def _message(entry: Entry, names: dict[str, str]) -> ModelMessage:
    match entry.role:
        case "assistant":
            return ModelResponse(parts=list(_response_parts(entry)))
        case "tool":
            return ModelRequest(parts=[_tool_return(entry, names)])
        case "system":
            return ModelRequest(parts=[SystemPromptPart(entry.text)])
        case _:
            context = {"message_id": entry.message_id, "metadata": entry.metadata}
            return ModelRequest(parts=[UserPromptPart(_user_content(entry))], metadata=context)


def _tool_return(entry: Entry, names: dict[str, str]) -> ToolReturnPart:
    media = [part for part in _media(entry.content) if not isinstance(part, str)]
    content: Any = [entry.text, *media] if media else entry.text
    return ToolReturnPart(
        tool_name=names.get(entry.tool_call_id, "tool"),
        content=content,
        tool_call_id=entry.tool_call_id,
        outcome="failed" if entry.metadata.get(FAILED) else "success",
    )


def _response_parts(entry: Entry) -> Iterable[ModelResponsePart]:
    for block in entry.content:
        if block["type"] == "thinking":
            yield ThinkingPart(
                block["thinking"],
                signature=block.get("signature"),
                provider_name=block.get("provider"),
            )
        elif block["type"] == "text" and block["text"]:
            yield TextPart(block["text"])
        elif block["type"] == "data":
            yield TextPart(data_text(block))
    for call in entry.tool_calls:
        yield ToolCallPart(call["name"], call["arguments"], tool_call_id=call["id"])


def _user_content(entry: Entry) -> str | Sequence[UserContent]:
    parts = list(_media(entry.content))
    if all(block["type"] == "text" for block in entry.content):
        return "".join(str(part) for part in parts)
    return parts


def _media(blocks: Iterable[dict[str, Any]]) -> Iterable[UserContent]:
    for block in blocks:
        if block["type"] == "text":
            yield block["text"]
        elif block["type"] == "data":
            yield data_text(block)
        elif block["type"] in URL_KINDS:
            yield _attachment(block)


def _attachment(block: dict[str, Any]) -> UserContent:
    """The model layer knows a file by its `identifier`, which is where its name goes."""
    source, media_type = block["source"], block["source"].get("media_type")
    if source["type"] == "url":
        kind = URL_KINDS[block["type"]]
        found = kind(source["url"], media_type=media_type, identifier=file_name(block))
        return cast("UserContent", found)
    try:
        data = base64.b64decode(source["data"])
    except ValueError:
        # Stored before it was checked: one file must not silence the whole thread.
        return f"[{file_name(block) or 'a file'}: its data cannot be read]"
    return BinaryContent(data, media_type=media_type, identifier=file_name(block))


def request_parameters(tools: Iterable[Tool]) -> ModelRequestParameters:
    return ModelRequestParameters(
        function_tools=[
            ToolDefinition(
                name=tool.name,
                description=tool.description,
                parameters_json_schema=tool.parameters,
                metadata={"source": "client" if tool.client_side else tool.source},
            )
            for tool in tools
        ],
    )


def request_settings(agent: AgentSpec) -> ProviderModelSettings:
    """The settings of one inference, from the agent's effort and context policy."""
    settings = ProviderModelSettings(parallel_tool_calls=True)
    effort = agent.reasoning_effort
    if effort is not None:
        settings["reasoning_effort"] = effort if isinstance(effort, str) else effort.budget
    if agent.context_policy:
        settings["max_tokens"] = agent.context_policy.max_output_tokens
        settings["prompt_cache"] = agent.context_policy.enable_prompt_cache
    return settings
