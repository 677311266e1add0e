"""Questions of a server to a person (elicitation), while one of its tools is being called.

The call is broken off, the run waits for an answer without holding anything, and then the call is
made again from its start: the server asks again and gets the stored answer. What a server does
before it asks must therefore bear repetition.
"""

from typing import Any

from mcp_types import INVALID_REQUEST, ElicitRequestFormParams, ElicitResult, ErrorData

from agentserver_mcp.client.call import Call
from runs.tools.errors import SuspendCall, ToolError
from runs.tools.schema import InvalidSchema, checked_schema

AMBIGUOUS = ErrorData(
    code=INVALID_REQUEST, message="several calls are under way: it is not known which one asks"
)
DECLINE = ElicitResult(action="decline")
CANCEL = ElicitResult(action="cancel")


async def answer(call: Call, server_id: str, params: Any) -> ElicitResult:
    """The stored answer, or the end of the call. Pages to visit (URL mode) are always declined."""
    if call.context is None or not isinstance(params, ElicitRequestFormParams):
        return DECLINE
    try:
        content = call.context.ask(
            params.message,
            response_schema=checked_schema(params.requested_schema, trusted=False),
            action=f"mcp:{server_id}:elicitation",
        )
    except SuspendCall as question:
        call.suspend(question)
    except ToolError as error:
        if str(error) == "the question was declined":
            return DECLINE
        call.fail(error)
    except InvalidSchema as error:
        call.fail(ToolError(f"the server asked a question with an unusable schema: {error}"))
    else:
        return ElicitResult(action="accept", content=content)
    # Cancelling the call tells the server more than an answer could: it must not go on meanwhile.
    await call.over.wait()
    return CANCEL
