"""When a run has had enough, and how much it may read and say."""

from typing import Any

import pytest

from runs.events.types import InferenceCompleted
from runs.models import Run
from runs.tools import ToolError
from tests.engine.conftest import Offer
from tests.engine.folding import assert_fold
from tests.engine.lab import Lab, Script, call, conversation, said, text, turns
from threads.models import Message

FOREVER: Script = [{"reply": [text("again"), call("add", a=1, b=1)]}]


@pytest.fixture(autouse=True)
def _tools(offer: Offer) -> None:
    def add(a: int, b: int) -> int:
        return a + b

    def broken(a: int) -> None:
        raise ToolError("no")

    offer(add)
    offer(broken)
    offer(add, name="guarded", needs_approval=True)


def inferences(lab: Lab, run: Run) -> int:
    return sum(isinstance(event, InferenceCompleted) for event in lab.events(run))


@pytest.mark.parametrize("rounds", [1, 3])
def test_it_makes_exactly_as_many_rounds_as_it_may(rounds: int, engine: Lab) -> None:
    engine.agent(FOREVER, max_rounds=rounds)
    run = engine.ask()
    assert (run.termination_code, run.steps) == ("stopped:max_rounds", rounds)
    assert inferences(engine, run) == rounds
    assert run.final_output == "again"
    assert_fold(run)


def test_it_makes_no_round_too_many_for_an_answer_in_the_last(engine: Lab) -> None:
    engine.agent(turns([call("add", a=1, b=1)], [text("two")]), max_rounds=2)
    run = engine.ask()
    assert (run.termination_code, run.steps) == ("natural", 2)


CONDITIONS: dict[str, tuple[dict[str, Any], int]] = {
    "max_rounds": ({"type": "max_rounds", "rounds": 2}, 2),
    "token_budget": ({"type": "token_budget", "max_total": 1}, 1),
    "consecutive_errors": ({"type": "consecutive_errors", "max": 2}, 3),
    "stop_on_tool": ({"type": "stop_on_tool", "tool_name": "broken"}, 2),
    "loop_detection": ({"type": "loop_detection", "window": 2}, 3),
}


@pytest.mark.parametrize("code", CONDITIONS)
def test_it_stops_on_a_condition(code: str, engine: Lab) -> None:
    condition, steps = CONDITIONS[code]
    engine.agent(
        turns([call("add", a=1, b=1)], [call("broken", a=1)], [call("broken", a=1)]),
        stop_conditions=[condition],
    )
    run = engine.ask()
    assert (run.termination_code, run.steps) == (f"stopped:{code}", steps)
    assert_fold(run)


def test_it_stops_when_the_answer_says_so(engine: Lab) -> None:
    condition = {"type": "content_match", "pattern": "DONE"}
    engine.agent(turns([text("all DONE")]), stop_conditions=[condition])
    assert engine.ask().termination_code == "stopped:content_match"


def test_it_counts_on_after_a_suspension(engine: Lab) -> None:
    condition = {"type": "loop_detection", "window": 2}
    same = [call("guarded", a=1, b=1)]
    engine.agent(turns(same, same, [text("never")]), stop_conditions=[condition])
    run = engine.ask()
    for _ in range(2):
        waiting = run
        engine.decide(waiting, calls_waiting(waiting))
        run = engine.rest(waiting, after_seq=waiting.last_seq)
    assert run.termination_code == "stopped:loop_detection"


def calls_waiting(run: Run) -> str:
    return str(run.tool_calls.get(status="suspended").call_id)


def test_it_continues_a_cut_answer_as_often_as_it_may(engine: Lab) -> None:
    cut = [text("la "), {"finish_reason": "length"}]
    engine.agent([{"reply": cut}], max_continuation_retries=2)
    run = engine.ask()
    assert (run.final_output, run.steps) == ("la la la ", 1)
    assert inferences(engine, run) == 3
    assert run.input_tokens == sum(
        event.usage["prompt_tokens"]
        for event in engine.events(run)
        if isinstance(event, InferenceCompleted)
    )
    assert_fold(run)


# --- the window --------------------------------------------------------------------------------

COUNT: Script = [
    {"when": {"last_user": "user: "}, "reply": [text("they talked")]},
    {"reply": [text("{{message_count}}")]},
]


def policy(**members: Any) -> dict[str, Any]:
    known = {
        "max_context_tokens": 10_000,
        "max_output_tokens": 100,
        "min_recent_messages": 1,
        "enable_prompt_cache": False,
    }
    return {"context_policy": known | members}


def test_it_cuts_the_oldest_messages(engine: Lab) -> None:
    engine.agent(COUNT, **policy(max_context_tokens=200, min_recent_messages=2))
    answers = [engine.ask("x" * 200).final_output for _ in range(4)]
    # 100 tokens left: one message of 200 characters, and the answer before it.
    assert answers == ["1", "2", "2", "2"]
    assert len(conversation()) == 8


def test_it_always_sends_the_newest_message(engine: Lab) -> None:
    engine.agent(COUNT, **policy(max_context_tokens=101, min_recent_messages=0))
    assert engine.ask("x" * 4000).final_output == "1"


def test_it_compacts_into_a_summary_and_keeps_the_originals(engine: Lab) -> None:
    engine.agent(COUNT, **policy(autocompact_threshold=150, compaction_raw_suffix_messages=1))
    answers = [engine.ask("x" * 200).final_output for _ in range(3)]
    # The summary and the new message.
    assert answers == ["1", "3", "2"]
    last = engine.ask("x" * 200)
    summaries = Message.objects.filter(visibility="internal", role="system")
    assert "<conversation-summary>" in summaries[0].content[0]["text"]
    assert Message.objects.filter(thread_id="t", role="user").count() == 4
    assert_fold(last)


def test_it_counts_what_a_summary_took(engine: Lab) -> None:
    counts = {"input_tokens": 700, "output_tokens": 50}
    told = {"when": {"last_user": "user: "}, "reply": [text("they talked"), {"usage": counts}]}
    engine.agent(
        [told, {"reply": [text("ok"), {"usage": {"input_tokens": 3, "output_tokens": 1}}]}],
        **policy(autocompact_threshold=150, compaction_raw_suffix_messages=1),
    )
    runs = [engine.ask("x" * 200) for _ in range(3)]
    assert [(run.input_tokens, run.output_tokens) for run in runs] == [(3, 1), (3, 1), (703, 51)]
    assert inferences(engine, runs[2]) == 1
    assert_fold(runs[2])


def test_it_reads_on_from_the_summary_in_the_next_run(engine: Lab) -> None:
    engine.agent(COUNT, **policy(autocompact_threshold=150, compaction_raw_suffix_messages=1))
    for _ in range(3):
        engine.ask("x" * 200)
    engine.agent(COUNT)
    assert int(engine.ask("short").final_output or 0) < 7


def test_it_loses_nothing_of_a_run_whose_input_was_summarised(engine: Lab) -> None:
    """The summary ends with the run's own input: its steps come after it."""
    script: Script = [
        {"when": {"last_user": "user: "}, "reply": [text("they talked")]},
        {"when": {"has_tool_result": "guarded"}, "reply": [text("{{message_count}}")]},
        {"when": {"has_tool_result": "add"}, "reply": [call("guarded", a=1, b=1)]},
        {"reply": [text("s" * 400), call("add", a=1, b=1)]},
    ]
    limits = policy(autocompact_threshold=100, compaction_raw_suffix_messages=2)
    engine.agent(script, **limits)
    waiting = engine.ask(messages=[said("x" * 200), said("y" * 200)])
    covered = Message.objects.get(visibility="internal").metadata["compaction"]
    assert covered == {"through_turn": 1, "through_step": None}
    engine.decide(waiting, calls_waiting(waiting))
    # A summary of all but the last step, and that step's call and result.
    assert engine.end(waiting).final_output == "3"


def test_it_stores_text_with_a_nul_that_no_database_takes(engine: Lab) -> None:
    engine.agent([{"reply": [text("a\0b")]}])
    run = engine.ask()
    assert (run.termination_code, run.final_output) == ("natural", "a\ufffdb")
    assert_fold(run)


def test_it_hands_numbers_on_as_the_model_wrote_them(engine: Lab, offer: Offer) -> None:
    seen: list[int] = []

    def count(number: int) -> int:
        seen.append(number)
        return number

    offer(count)
    engine.agent(turns([call("count", number=2**80 + 1)], [text("done")]))
    assert engine.ask().final_output == "done"
    assert seen == [2**80 + 1]
