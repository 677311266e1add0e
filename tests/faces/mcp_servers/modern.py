"""An MCP server for tests: ``python sample.py stdio``, or ``http <port>``.

Loaded by path into a process of its own, so it knows nothing of the project.
"""

import os
import sys
from pathlib import Path

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context, Image
from mcp.types import ToolAnnotations
from pydantic import BaseModel

server = MCPServer("sample")
STARTED = Path(os.environ.get("SAMPLE_FOLDER", "."))


class Weather(BaseModel):
    city: str
    degrees: float


class Choice(BaseModel):
    size: int


@server.tool(annotations=ToolAnnotations(title="Echo"))
def echo(message: str) -> str:
    """Says it again."""
    return f"echo: {message}"


@server.tool()
def environment() -> list[str]:
    """The names of its environment variables."""
    return sorted(os.environ)


@server.tool()
def pid() -> int:
    """Its process."""
    return os.getpid()


@server.tool()
def weather(city: str) -> Weather:
    """Structured content."""
    return Weather(city=city, degrees=21.5)


@server.tool()
def broken() -> str:
    """Fails."""
    raise ValueError("the kettle is broken")


@server.tool()
def picture() -> Image:
    """One pixel."""
    return Image(data=b"\x89PNG\r\n\x1a\n", format="png")


@server.tool()
async def slow(seconds: float, ctx: Context) -> str:
    """Takes its time, and says so."""
    (STARTED / "slow").write_text(str(os.getpid()))
    await ctx.report_progress(0.25, 1.0, "warming up")
    try:
        await anyio.sleep(seconds)
    except BaseException:
        (STARTED / "cancelled").write_text("yes")
        raise
    return "done"


@server.tool()
async def ask_size(ctx: Context) -> str:
    """Asks a person."""
    answer = await ctx.elicit("Which size?", Choice)
    return f"{answer.action}: {getattr(answer, 'data', None)}"


@server.tool(name="get-sum")
def get_sum(a: int, b: int) -> int:
    """Adds."""
    return a + b


@server.prompt()
def greet(name: str) -> str:
    """Greets."""
    return f"Greet {name}."


@server.resource("note://one")
def note() -> str:
    """A note."""
    return "text"


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run("stdio")
    else:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[2]))
