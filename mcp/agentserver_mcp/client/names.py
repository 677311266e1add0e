"""How the tools of servers are called here: ``mcp__<server>__<tool>``."""

import hashlib

from config.specs.mcp_server import tool_word

# What model providers accept as the name of a function.
LONGEST = 64
_DIGITS = 8


def tool_id(server_id: str, tool_name: str) -> str | None:
    """The id under which models call the tool; None when its name has no letter or digit.

    Longer ids are cut and end with eight digits of their hash.
    """
    word = tool_word(tool_name)
    if not word:
        return None
    full = f"mcp__{tool_word(server_id)}__{word}"
    if len(full) <= LONGEST:
        return full
    mark = hashlib.sha256(full.encode()).hexdigest()[:_DIGITS]
    return f"{full[: LONGEST - _DIGITS - 1]}_{mark}"
