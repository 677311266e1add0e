"""A model whose every answer is a stream; a plain request reads the stream to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_ai.models import Model

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models import ModelRequestParameters
    from pydantic_ai.settings import ModelSettings


class StreamingModel(Model[None]):
    """Subclasses implement `request_stream`."""

    async def request(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> ModelResponse:
        async with self.request_stream(
            messages, model_settings, model_request_parameters
        ) as stream:
            async for _ in stream:
                pass
            return stream.get()
