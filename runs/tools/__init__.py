"""Tools for agents: typed functions in a ``tools.py``, decorated with `tool`."""

from runs.tools.content import media, text
from runs.tools.context import ToolContext
from runs.tools.decorator import tool
from runs.tools.definition import Tool
from runs.tools.errors import ToolError
from runs.tools.result import ToolResult

__all__ = ["Tool", "ToolContext", "ToolError", "ToolResult", "media", "text", "tool"]
