"""Resources, a template, prompts and a completion."""

from typing import Any

from mcp import types

from agentserver_mcp.plugins import completion, prompt, resource, resource_template
from tests.mcp_fixtures.content import embedded, image, text
from tests.mcp_fixtures.samples import PNG


def contents(uri: str, said: str, mime_type: str = "text/plain") -> types.ReadResourceResult:
    found = types.TextResourceContents(uri=uri, mime_type=mime_type, text=said)
    return types.ReadResourceResult(contents=[found])


@resource("test://static-text", name="static-text", mime_type="text/plain")
async def static_text(ctx: Any, params: Any) -> types.ReadResourceResult:
    return contents("test://static-text", "This is the content of the static text resource.")


@resource("test://static-binary", name="static-binary", mime_type="image/png")
async def static_binary(ctx: Any, params: Any) -> types.ReadResourceResult:
    found = types.BlobResourceContents(uri="test://static-binary", mime_type="image/png", blob=PNG)
    return types.ReadResourceResult(contents=[found])


@resource("test://watched-resource", name="watched-resource", mime_type="text/plain")
async def watched(ctx: Any, params: Any) -> types.ReadResourceResult:
    return contents("test://watched-resource", "Watched resource content")


@resource_template("test://template/{id}/data", name="template", mime_type="application/json")
async def template(ctx: Any, params: Any, values: dict[str, str]) -> types.ReadResourceResult:
    said = f'{{"id":"{values["id"]}","templateTest":true}}'
    return contents(str(params.uri), said, "application/json")


def messages(*blocks: Any) -> types.GetPromptResult:
    said = [types.PromptMessage(role="user", content=block) for block in blocks]
    return types.GetPromptResult(messages=said)


@prompt("test_simple_prompt", description="A prompt without arguments.")
async def simple_prompt(ctx: Any, params: Any) -> types.GetPromptResult:
    return messages(text("This is a simple prompt for testing."))


@prompt(
    "test_prompt_with_arguments",
    description="A prompt with two arguments.",
    arguments=[
        {"name": "arg1", "description": "First test argument", "required": True},
        {"name": "arg2", "description": "Second test argument", "required": True},
    ],
)
async def prompt_with_arguments(ctx: Any, params: Any) -> types.GetPromptResult:
    given = params.arguments
    return messages(text(f"Prompt with arguments: arg1='{given['arg1']}', arg2='{given['arg2']}'"))


@completion("test_prompt_with_arguments")
async def complete_argument(ctx: Any, params: Any) -> types.Completion:
    words = ["paris", "park", "party"]
    found = [word for word in words if word.startswith(params.argument.value)]
    return types.Completion(values=found, total=len(found), has_more=False)


@prompt(
    "test_prompt_with_embedded_resource",
    description="A prompt with a resource inside.",
    arguments=[{"name": "resourceUri", "description": "Its address", "required": True}],
)
async def prompt_with_resource(ctx: Any, params: Any) -> types.GetPromptResult:
    found = embedded(params.arguments["resourceUri"], "Embedded resource content for testing.")
    return messages(found, text("Please process the embedded resource above."))


@prompt("test_prompt_with_image", description="A prompt with a picture.")
async def prompt_with_image(ctx: Any, params: Any) -> types.GetPromptResult:
    return messages(image(), text("Please analyze the image above."))
