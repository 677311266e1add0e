"""The closed table of HTTP adapters: where each one lives and how its wire differs."""

from dataclasses import dataclass
from typing import Final, Literal

ReasoningStyle = Literal["effort", "thinking_switch", "enable_thinking"]
"""How an OpenAI-compatible endpoint takes the reasoning effort.

``effort``: ``reasoning_effort``; ``thinking_switch``: ``thinking.type`` enabled/disabled;
``enable_thinking``: ``enable_thinking`` plus ``thinking_budget`` in tokens.
"""


@dataclass(frozen=True)
class Adapter:
    """Defaults of one adapter. ``base_url`` is None where only the SDK knows it."""

    base_url: str | None
    key_variables: tuple[str, ...]
    base_url_variables: tuple[str, ...] = ()
    key_required: bool = True
    reasoning: ReasoningStyle = "effort"
    json_schema: bool = True
    max_tokens_field: str = "max_tokens"
    video_input: bool = False


ADAPTERS: Final[dict[str, Adapter]] = {
    "anthropic": Adapter(
        "https://api.anthropic.com", ("ANTHROPIC_API_KEY",), ("ANTHROPIC_BASE_URL",)
    ),
    "openai": Adapter(
        "https://api.openai.com/v1",
        ("OPENAI_API_KEY",),
        ("OPENAI_BASE_URL",),
        max_tokens_field="max_completion_tokens",
    ),
    "openai_resp": Adapter("https://api.openai.com/v1", ("OPENAI_API_KEY",), ("OPENAI_BASE_URL",)),
    "deepseek": Adapter(
        "https://api.deepseek.com/v1",
        ("DEEPSEEK_API_KEY",),
        ("DEEPSEEK_BASE_URL",),
        reasoning="thinking_switch",
        json_schema=False,
    ),
    "gemini": Adapter(None, ("GEMINI_API_KEY", "GOOGLE_API_KEY"), ("GEMINI_BASE_URL",)),
    "ollama": Adapter(
        "http://localhost:11434/v1",
        ("OLLAMA_API_KEY",),
        ("OLLAMA_BASE_URL",),
        key_required=False,
    ),
    "cohere": Adapter(None, ("CO_API_KEY", "COHERE_API_KEY"), ("CO_BASE_URL",)),
    "together": Adapter(
        "https://api.together.xyz/v1", ("TOGETHER_API_KEY",), ("TOGETHER_BASE_URL",)
    ),
    "fireworks": Adapter(
        "https://api.fireworks.ai/inference/v1", ("FIREWORKS_API_KEY",), ("FIREWORKS_BASE_URL",)
    ),
    "groq": Adapter(
        "https://api.groq.com/openai/v1",
        ("GROQ_API_KEY",),
        ("GROQ_BASE_URL",),
        max_tokens_field="max_completion_tokens",
    ),
    "xai": Adapter("https://api.x.ai/v1", ("XAI_API_KEY",), ("XAI_BASE_URL",)),
    "zai": Adapter(
        "https://api.z.ai/api/paas/v4",
        ("ZAI_API_KEY",),
        ("ZAI_BASE_URL",),
        reasoning="thinking_switch",
        json_schema=False,
        video_input=True,
    ),
    "bigmodel": Adapter(
        "https://open.bigmodel.cn/api/paas/v4",
        ("BIGMODEL_API_KEY", "ZHIPUAI_API_KEY"),
        ("BIGMODEL_BASE_URL",),
        reasoning="thinking_switch",
        json_schema=False,
        video_input=True,
    ),
    "aliyun": Adapter(
        "https://dashscope.aliyuncs.com/compatible-mode/v1",
        ("ALIYUN_API_KEY", "DASHSCOPE_API_KEY"),
        ("ALIYUN_BASE_URL",),
        reasoning="enable_thinking",
        video_input=True,
    ),
    "mimo": Adapter(
        "https://api.xiaomimimo.com/v1",
        ("MIMO_API_KEY",),
        ("MIMO_BASE_URL",),
        reasoning="thinking_switch",
        json_schema=False,
    ),
    "nebius": Adapter(
        "https://api.studio.nebius.com/v1", ("NEBIUS_API_KEY",), ("NEBIUS_BASE_URL",)
    ),
}
