"""Requests of the server to the client, in the handshake era, during one request of the client.

A question leaves on the response stream of that request; its answer is a request of its own, which
any process may receive. It is stored and announced on the live channel.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

from mcp.shared.exceptions import MCPError, NoBackChannelError
from mcp_types import INVALID_REQUEST, REQUEST_TIMEOUT

from agentserver_mcp.desk import Desk
from agentserver_mcp.models import McpSession
from agentserver_mcp.outbox import Outbox
from agentserver_mcp.sessions import answers_to, drop_question, keep_alive, store_question

Json = dict[str, Any]

NEEDED = {
    "sampling/createMessage": "sampling",
    "elicitation/create": "elicitation",
    "roots/list": "roots",
}
"""What a client must have declared to be asked."""


class Questions:
    """The open questions of one request."""

    def __init__(self, desk: Desk, outbox: Outbox, session: McpSession | None) -> None:
        self._desk = desk
        self._outbox = outbox
        self._session = session
        self._open: dict[str, asyncio.Future[Json]] = {}

    async def ask(
        self, method: str, params: Mapping[str, Any] | None, seconds: float | None
    ) -> Json:
        """The client's result; `seconds` None waits as long as the session lives.

        Raises `MCPError` for its error, a time-out, or a client that cannot be asked.
        """
        session = self._session
        if session is None:
            raise NoBackChannelError(method)
        needed = NEEDED.get(method)
        if needed and needed not in session.capabilities:
            raise MCPError(INVALID_REQUEST, f"The client does not support {needed}")
        question_id = await self._desk.database(store_question, session)
        answered = self._open[question_id] = asyncio.get_running_loop().create_future()
        question: Json = {"jsonrpc": "2.0", "id": question_id, "method": method}
        self._outbox.put(question if params is None else {**question, "params": dict(params)})
        try:
            async with asyncio.timeout(seconds):
                return _result(await answered)
        except TimeoutError:
            raise MCPError(REQUEST_TIMEOUT, f"No answer to {method} in time") from None
        finally:
            del self._open[question_id]
            await self._desk.database(drop_question, question_id)

    async def look(self) -> None:
        """Take the answers that have arrived; a session that waits for one does not run out."""
        if not self._open or self._session is None:
            return
        found = await self._desk.database(answers_to, list(self._open))
        for question_id, answer in found.items():
            future = self._open.get(question_id)
            if future is not None and not future.done():
                future.set_result(answer)
        if self._open:
            await self._desk.database(keep_alive, self._session.pk)


def _result(answer: Json) -> Json:
    error = answer.get("error")
    if isinstance(error, dict):
        code = error.get("code")
        raise MCPError(
            code if isinstance(code, int) else INVALID_REQUEST,
            str(error.get("message") or "The client refused"),
            error.get("data"),
        )
    result = answer.get("result")
    return result if isinstance(result, dict) else {}
