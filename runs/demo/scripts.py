"""What the demo models say, in the format of the scripted provider."""

from typing import Any, Final

from runs.demo import a2a

Script = list[dict[str, Any]]

_SLOW_TEXT = (
    "This answer takes its time on purpose: it comes in small pieces for more than four seconds, "
    "long enough to watch it grow, to open it in a second window, to reload the page in the middle "
    "of it, to interrupt it, or to cancel it."
)
_NO_KEY_TEXT = (
    "There is no model behind me yet. Set OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY in "
    "the environment and start the server again, or add a provider, a model and an agent under "
    "/v1/config. You said: {{last_user}}"
)

SCRIPTS: Final[dict[str, Script]] = {
    "echo": [{"reply": [{"text": "{{last_user}}", "chunks": 6, "delay_ms": 20}]}],
    "tool": [
        {
            "when": {"has_tool_result": "demo_add"},
            "reply": [{"text": "2 + 3 = {{tool_result}}", "chunks": 3, "delay_ms": 20}],
        },
        {"reply": [{"tool_call": {"name": "demo_add", "arguments": {"a": 2, "b": 3}}}]},
    ],
    "approval": [
        {
            "when": {"has_tool_result": "demo_delete_file"},
            "reply": [{"text": "The tool answered: {{tool_result}}", "chunks": 3}],
        },
        {
            "reply": [
                {"text": "I need your approval to delete reports/old.txt."},
                {
                    "tool_call": {
                        "name": "demo_delete_file",
                        "arguments": {"path": "reports/old.txt"},
                    }
                },
            ]
        },
    ],
    "slow": [{"reply": [{"text": _SLOW_TEXT, "chunks": 45, "delay_ms": 100}]}],
    "frontend": [
        {
            "when": {"has_tool_result": True},
            "reply": [{"text": "Your page answered: {{tool_result}}", "chunks": 3}],
        },
        {
            "reply": [
                {"text": "I hand this to your page, if it offers a tool."},
                {"client_tool": "first"},
            ]
        },
    ],
    "a2a": a2a.SCRIPT,
    "error": [{"reply": [{"error": {"status": 401, "message": "this model always fails"}}]}],
    "no-key": [{"reply": [{"text": _NO_KEY_TEXT, "chunk_size": 12, "delay_ms": 15}]}],
}
