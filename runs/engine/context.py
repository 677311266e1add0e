"""Fitting the conversation into the model's window: truncation, and compaction into a summary.

Originals stay stored; a summary is an internal message from which later runs read on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from agentserver.core.exact_json import dumps
from agentserver.core.ids import new_id
from config.specs.agent import ContextPolicy
from runs.engine import journal
from runs.engine.conversation import SUMMARY, Entry
from runs.engine.recorder import Recorder
from runs.engine.summary import Summarise
from threads.content import text_block
from threads.services import NewMessage

SUMMARY_FORM = "<conversation-summary>\n{}\n</conversation-summary>"
CHARACTERS_PER_TOKEN = 4
TOKENS_PER_ATTACHMENT = 1000
TOKENS_PER_MESSAGE = 4


def estimated_tokens(entry: Entry) -> int:
    """A cheap upper guess: four characters a token, a flat price for attachments."""
    text = len(entry.text) + len(dumps(entry.tool_calls))
    others = sum(1 for block in entry.content if block.get("type") != "text")
    return TOKENS_PER_MESSAGE + text // CHARACTERS_PER_TOKEN + others * TOKENS_PER_ATTACHMENT


@dataclass
class Window:
    """Applies an agent's context policy before each inference; no policy, no limit."""

    policy: ContextPolicy | None
    summarise: Summarise

    async def fit(self, recorder: Recorder) -> dict[str, int]:
        """The tokens that it took."""
        policy, usage = self.policy, dict[str, int]()
        if policy is None:
            return usage
        threshold = policy.autocompact_threshold
        if threshold and _total(recorder.entries) > threshold:
            usage = await self._compact(recorder, policy)
        budget = policy.max_context_tokens - policy.max_output_tokens
        recorder.entries = truncated(recorder.entries, budget, policy.min_recent_messages)
        return usage

    async def _compact(self, recorder: Recorder, policy: ContextPolicy) -> dict[str, int]:
        keep = _kept_by_compaction(policy)
        cut = frontier(recorder.entries, keep=keep)
        head = recorder.entries[:cut]
        if len(head) < 2:
            return {}
        summary = await self.summarise(head)
        last = head[-1]
        message = NewMessage(
            id=new_id(),
            role="system",
            content=[text_block(SUMMARY_FORM.format(summary.text))],
            visibility="internal",
            step_index=recorder.step,
            metadata={SUMMARY: {"through_turn": last.turn, "through_step": last.step}},
        )
        await recorder.commit(journal.save, messages=[message])
        stored = recorder.entries.pop()
        recorder.entries = [stored, *recorder.entries[cut:]]
        return summary.usage


def _kept_by_compaction(policy: ContextPolicy) -> int:
    if policy.compaction_mode == "keep_recent_raw_suffix":
        return max(policy.compaction_raw_suffix_messages, 1)
    return 1


def _total(entries: Sequence[Entry]) -> int:
    return sum(estimated_tokens(entry) for entry in entries)


def frontier(entries: Sequence[Entry], *, keep: int) -> int:
    """How many messages a summary may replace: a step is never cut, at least ``keep`` stay.

    The cut lies where (turn, step) changes, since a summary says up to which of them it reaches.
    """
    cut = max(len(entries) - keep, 0)
    while 0 < cut < len(entries) and _place(entries[cut - 1]) == _place(entries[cut]):
        cut -= 1
    return cut


def _place(entry: Entry) -> tuple[int, int | None]:
    return (entry.turn, entry.step)


def truncated(entries: list[Entry], budget: int, min_recent: int) -> list[Entry]:
    """The newest messages that fit ``budget`` tokens, at least ``min_recent``; system ones stay.

    What the cut would leave half, the repair before the request removes whole.
    """
    pinned = sum(estimated_tokens(entry) for entry in entries if entry.role == "system")
    kept: list[Entry] = []
    spent, recent = pinned, 0
    min_recent = max(min_recent, 1)
    for entry in reversed(entries):
        if entry.role == "system":
            kept.append(entry)
            continue
        spent += estimated_tokens(entry)
        if spent > budget and recent >= min_recent:
            continue
        recent += 1
        kept.append(entry)
    return kept[::-1]
