"""How the end of a run looks to a chat client."""

from collections.abc import Iterator

from agentserver.protocols.ai_sdk.chunks import Chunk, metadata_of
from runs.events.types import Termination, Usage

GIVEN_UP = "the run ended before this call did"
RETRIED = "the step was started again"

_MODEL_REASONS = {"length": "length", "content_filter": "content-filter"}
_STOP_REASONS = {"max_rounds": "tool-calls", "token_budget": "length"}


def ending(
    termination: Termination, *, had_calls: bool, model_reason: str | None, usage: Usage
) -> Iterator[Chunk]:
    """The last chunks of a run that ended.

    A client that re-posts by itself looks at the calls of the last step: answered calls there make
    it post again, for ever. So a run that ends on them gets an empty step after them.
    """
    if termination.type == "error":
        yield from _metadata(usage)
        yield {"type": "error", "errorText": termination.detail or "the run failed"}
        return
    if had_calls:
        yield {"type": "start-step"}
        yield {"type": "finish-step"}
    if termination.type == "cancelled":
        yield from _metadata(usage)
        yield {"type": "abort"}
    else:
        yield finish(_finish_reason(termination, model_reason), usage)


def finish(reason: str, usage: Usage) -> Chunk:
    return {"type": "finish", "finishReason": reason, **metadata_of(usage)}


def _metadata(usage: Usage) -> Iterator[Chunk]:
    told = metadata_of(usage)
    if told:
        yield {"type": "message-metadata", **told}


def _finish_reason(termination: Termination, model_reason: str | None) -> str:
    if termination.type == "natural_end":
        return _MODEL_REASONS.get(model_reason or "", "stop")
    if termination.type == "stopped":
        return _STOP_REASONS.get(termination.code or "", "other")
    return "other"
