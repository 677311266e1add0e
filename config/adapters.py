"""Provider adapters and remote-agent backends that a configuration may name."""

SUPPORTED_ADAPTERS = (
    "anthropic",
    "openai",
    "openai_resp",
    "deepseek",
    "gemini",
    "ollama",
    "cohere",
    "together",
    "fireworks",
    "groq",
    "xai",
    "zai",
    "bigmodel",
    "aliyun",
    "mimo",
    "nebius",
)

# Answers from plain data without a network. Always accepted, never advertised.
SCRIPTED_ADAPTER = "scripted"

_ALIASES = {
    "openai-resp": "openai_resp",
    "responses": "openai_resp",
    "mock": SCRIPTED_ADAPTER,
}
_ACCEPTED = frozenset((*SUPPORTED_ADAPTERS, SCRIPTED_ADAPTER))

REMOTE_BACKENDS = ("a2a",)


def canonical_adapter(name: str) -> str | None:
    """The adapter's stored name for what a user wrote (any case, aliases), None if unknown."""
    lowered = name.strip().lower()
    canonical = _ALIASES.get(lowered, lowered)
    return canonical if canonical in _ACCEPTED else None
