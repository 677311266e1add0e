"""The tools of the demo agents."""

from typing import Any

from runs.tools import ToolContext, tool


@tool(idempotent=True)
def demo_add(a: int, b: int) -> int:
    """Add two whole numbers."""
    return a + b


@tool(idempotent=True)
def demo_delete_file(path: str) -> str:
    """Pretend to delete a file; nothing is deleted."""
    return f"{path} is deleted (not really: this is a demo)"


@tool(idempotent=True)
def demo_ask(context: ToolContext) -> Any:
    """Ask the caller what to do next; returns the answer."""
    return context.ask("What should I do next?")


@tool(idempotent=True)
def demo_forbidden() -> None:
    """Something that the rules of its agent forbid."""
