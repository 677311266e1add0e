"""From a server's result to what the model reads, what is stored and what clients may show."""

from typing import Any

from agentserver.core.exact_json import dumps, loads
from runs.tools.content import Block
from runs.tools.errors import ToolError
from runs.tools.result import ToolResult

_MEDIA = ("image", "audio")
_NO_TEXT = "the tool failed and did not say why"

Json = dict[str, Any]


def tool_result(result: Json, *, server_id: str, tool_name: str) -> ToolResult:
    """`result` is a ``CallToolResult`` in its wire form.

    Text alone is joined by line breaks; everything else reaches the model as the result's JSON,
    with images, audio and files as content blocks beside it. Raises `ToolError`, whose text the
    model reads, for a result that is an error.
    """
    blocks: list[Json] = result.get("content") or []
    structured = result.get("structuredContent")
    if result.get("isError"):
        raise ToolError(_error_text(blocks, structured))
    plain = [_without_data(block) for block in blocks]
    metadata = _metadata(server_id, tool_name, plain, result)
    text = _joined(blocks)
    only_text = all(block.get("type") == "text" for block in blocks)
    if only_text and (structured is None or _says_the_same(text, structured)):
        data = structured if structured is not None else text
        return ToolResult(data=data, message=text, metadata=metadata)
    whole = {"content": plain}
    if structured is not None:
        whole["structuredContent"] = structured
    files = [found for block in blocks if (found := _file(block))]
    return ToolResult(data=whole, content_blocks=files, metadata=metadata)


def _error_text(blocks: list[Json], structured: Any) -> str:
    text = _joined(blocks)
    if text.strip():
        return text
    return dumps(structured) if structured is not None else _NO_TEXT


def _joined(blocks: list[Json]) -> str:
    return "\n".join(str(block["text"]) for block in blocks if block.get("type") == "text")


def _says_the_same(text: str, structured: Any) -> bool:
    """Servers repeat structured content as text, for clients that know nothing else."""
    same: list[Any] = [structured]
    if isinstance(structured, dict) and structured.keys() == {"result"}:
        # What the Python SDK makes of a value that is no object.
        same.append(structured["result"])
    if text in same:
        return True
    try:
        return loads(text.encode()) in same
    except (ValueError, RecursionError):
        return False


def _without_data(block: Json) -> Json:
    """The block without its bytes, which travel beside it."""
    if block.get("type") in _MEDIA:
        return {name: value for name, value in block.items() if name != "data"}
    resource = block.get("resource")
    if isinstance(resource, dict) and "blob" in resource:
        kept = {name: value for name, value in resource.items() if name != "blob"}
        return {**block, "resource": kept}
    return block


def _file(block: Json) -> Block | None:
    if block.get("type") in _MEDIA:
        return _encoded(str(block["type"]), block.get("mimeType"), block.get("data"))
    resource = block.get("resource")
    if not isinstance(resource, dict) or not resource.get("blob"):
        return None
    media_type = str(resource.get("mimeType") or "application/octet-stream")
    kind = media_type.partition("/")[0]
    known = kind if kind in {"image", "audio", "video"} else "document"
    return _encoded(known, media_type, resource["blob"])


def _encoded(kind: str, media_type: Any, data: Any) -> Block:
    return {
        "type": kind,
        "source": {"type": "base64", "media_type": str(media_type), "data": str(data)},
    }


def _metadata(server_id: str, tool_name: str, content: list[Json], result: Json) -> Json:
    found: Json = {
        "mcp.server": server_id,
        "mcp.tool": tool_name,
        "mcp.result.content": content,
        "mcp.result.isError": bool(result.get("isError")),
    }
    if result.get("structuredContent") is not None:
        found["mcp.result.structuredContent"] = result["structuredContent"]
    return found
