"""An MCP server of the newest revision, over HTTP: ``python modern.py <port>``.

With ``MODERN_ISSUER`` it lets in only who shows the token in the file ``token`` of its folder,
and answers with plain JSON. Loaded by path into a process of its own, so it knows nothing of ours.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import anyio
from mcp.server import MCPServer
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import Context, Elicit, Resolve
from mcp.types import ToolAnnotations
from pydantic import BaseModel

FOLDER = Path(os.environ.get("MODERN_FOLDER", "."))
ISSUER = os.environ.get("MODERN_ISSUER", "")
PORT = int(sys.argv[1])


class Verifier:
    async def verify_token(self, token: str) -> AccessToken | None:
        if token != (FOLDER / "token").read_text():
            return None
        return AccessToken(token=token, client_id="anyone", scopes=["tools"])


def made() -> MCPServer:
    if not ISSUER:
        return MCPServer("modern")
    auth = AuthSettings.model_validate(
        {
            "issuer_url": ISSUER,
            "resource_server_url": f"http://127.0.0.1:{PORT}/mcp",
            "required_scopes": ["tools"],
            "validate_token_resource": False,
        }
    )
    return MCPServer("modern", auth=auth, token_verifier=Verifier())


server = made()


class Choice(BaseModel):
    size: int


@server.tool(annotations=ToolAnnotations(title="Echo"))
def echo(message: str) -> str:
    """Says it again."""
    return f"echo: {message}"


@server.tool()
async def slow(seconds: float, ctx: Context) -> str:
    """Takes its time, and says so."""
    (FOLDER / "slow").write_text(str(os.getpid()))
    await ctx.report_progress(0.25, 1.0, "warming up")
    try:
        await anyio.sleep(seconds)
    except BaseException:
        (FOLDER / "cancelled").write_text("yes")
        raise
    return "done"


async def asked_size() -> Elicit[Choice]:
    return Elicit("Which size?", Choice)


@server.tool()
async def ask_size(choice: Annotated[Choice, Resolve(asked_size)]) -> str:
    """Asks a person."""
    return f"size {choice.size}"


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
    server.run("streamable-http", host="127.0.0.1", port=PORT, json_response=bool(ISSUER))
