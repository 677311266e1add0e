"""The tools of the demo agents."""

from runs.tools import tool


@tool(idempotent=True)
def demo_add(a: int, b: int) -> int:
    """Add two whole numbers."""
    return a + b


@tool(idempotent=True)
def demo_delete_file(path: str) -> str:
    """Pretend to delete a file; nothing is deleted."""
    return f"{path} is deleted (not really: this is a demo)"
