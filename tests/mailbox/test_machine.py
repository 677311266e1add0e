"""Any sequence of what callers and workers may do, against a model of a few lines."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine

from agentserver.access.principal import ANONYMOUS
from agentserver.core.errors import NotFound
from runs import services
from runs.engine.session import LostRun, Stopped
from runs.mailbox import claim as claims
from runs.mailbox import sweep
from runs.mailbox.claim import Claim
from runs.models import Job, Lane, Run
from runs.models.mailbox import MAX_ATTEMPTS
from runs.services import Decided
from tests.mailbox import queue
from threads.models import Thread

THREADS = ("t1", "t2", "t3")
names = st.sampled_from(THREADS)


@dataclass
class Line:
    """One thread: runs in line, and the run that holds the lane with its job."""

    waiting: list[tuple[int, int, str]] = field(default_factory=list)
    holder: str = ""
    # claimed, ready (to be claimed again), backing off, suspended
    phase: str = ""
    asked_to_stop: bool = False
    failures: int = 0
    generation: int = 0
    turn: int = 0

    def next(self) -> tuple[int, str] | None:
        """(priority, run) that may be claimed now."""
        if self.holder:
            return (128, self.holder) if self.phase == "ready" else None
        return (self.waiting[0][0], self.waiting[0][2]) if self.waiting else None

    def let_go(self) -> None:
        self.holder, self.phase, self.failures = "", "", 0
        self.asked_to_stop = False


class Mailbox(RuleBasedStateMachine):
    @initialize()
    def empty(self) -> None:
        Thread.objects.all().delete()
        self.lines = {name: Line() for name in THREADS}
        self.claims: dict[str, Claim] = {}
        self.lost: list[Claim] = []
        self.priorities: dict[str, int] = {}
        self.ended: dict[str, str] = {}
        self.count = 0

    # --- callers -------------------------------------------------------------------------------

    @rule(name=names, priority=st.sampled_from([10, 128, 200]))
    def submit(self, name: str, priority: int) -> None:
        run_id = queue.enqueue(name, priority=priority).run.pk
        self.count += 1
        self.priorities[run_id] = priority
        line = self.lines[name]
        line.waiting.append((priority, self.count, run_id))
        line.waiting.sort()

    @rule(name=names)
    def cancel(self, name: str) -> None:
        line = self.lines[name]
        victim = line.holder or (line.waiting[0][2] if line.waiting else "")
        try:
            stopped = services.cancel_thread(principal=ANONYMOUS, thread_id=name)
        except NotFound:
            assert not victim
            return
        assert stopped.pk == victim
        self._stop(line, victim)

    def _stop(self, line: Line, run_id: str) -> None:
        if run_id == line.holder and line.phase == "claimed":
            line.asked_to_stop = True
            return
        if run_id == line.holder:
            line.let_go()
        else:
            line.waiting = [each for each in line.waiting if each[2] != run_id]
            line.turn += 1
        self.ended[run_id] = "cancelled"

    @rule(name=names)
    def interrupt(self, name: str) -> None:
        line = self.lines[name]
        known = Thread.objects.filter(pk=name).exists()
        try:
            done = services.interrupt_thread(principal=ANONYMOUS, thread_id=name)
        except NotFound:
            assert not line.waiting
            assert not line.holder
        else:
            assert done.superseded == len(line.waiting)
        line.generation += known
        for _, _, run_id in list(line.waiting):
            self._stop(line, run_id)
        if line.holder:
            self._stop(line, line.holder)

    @precondition(lambda self: any(line.phase == "suspended" for line in self.lines.values()))
    @rule(data=st.data(), action=st.sampled_from(["resume", "cancel"]))
    def decide(self, data: Any, action: Any) -> None:
        line = self._pick(data, "suspended")
        services.submit_decision(
            principal=ANONYMOUS,
            any_id=line.holder,
            decided=Decided(reference="perm_c1", action=action),
            missing=NotFound("missing"),
        )
        # The continuation is a job of its own: its failures count anew.
        line.phase, line.failures = "ready", 0
        self.priorities[line.holder] = 128

    # --- workers -------------------------------------------------------------------------------

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        offers = {name: offer for name, line in self.lines.items() if (offer := line.next())}
        claimed = queue.claim(limit)
        assert len(claimed) == min(limit, len(offers))
        taken = {each.run.thread_id: each for each in claimed}
        assert all(offers[name][1] == each.run.pk for name, each in taken.items())
        left = [self._lane_priority(name) for name in offers if name not in taken]
        worst = max((self._lane_priority(name) for name in taken), default=0)
        assert all(worst <= priority for priority in left)
        for name, each in taken.items():
            self._take(self.lines[name], each)

    def _lane_priority(self, name: str) -> int:
        offer = self.lines[name].next()
        return self.priorities[offer[1]] if offer else 0

    def _take(self, line: Line, claimed: Claim) -> None:
        if not line.holder:
            line.holder = line.waiting.pop(0)[2]
            line.turn += 1
            assert claimed.run.turn == line.turn
        line.phase = "claimed"
        self.claims[line.holder] = claimed

    def _pick(self, data: Any, phase: str) -> Line:
        found = [line for line in self.lines.values() if line.phase == phase]
        line: Line = data.draw(st.sampled_from(range(len(found))).map(found.__getitem__))
        return line

    def _has_claim(self) -> bool:
        return any(line.phase == "claimed" for line in self.lines.values())

    @precondition(_has_claim)
    @rule(data=st.data())
    def finish(self, data: Any) -> None:
        line = self._pick(data, "claimed")
        more = queue.finish(self.claims.pop(line.holder))
        self.ended[line.holder] = "natural"
        line.let_go()
        assert more is bool(line.waiting)

    @precondition(_has_claim)
    @rule(data=st.data())
    def suspend(self, data: Any) -> None:
        line = self._pick(data, "claimed")
        if line.asked_to_stop:
            with pytest.raises(Stopped):
                queue.suspend(self.claims[line.holder])
            return
        queue.suspend(self.claims.pop(line.holder))
        line.phase = "suspended"

    @precondition(_has_claim)
    @rule(data=st.data())
    def release(self, data: Any) -> None:
        line = self._pick(data, "claimed")
        claimed = self.claims.pop(line.holder)
        assert claims.release(job_id=claimed.job.pk, token=claimed.token)
        self.lost.append(claimed)
        line.phase = "ready"

    @precondition(_has_claim)
    @rule(data=st.data())
    def fail(self, data: Any) -> None:
        line = self._pick(data, "claimed")
        # An hour: only `wait` ends a back-off, however slow the test is.
        alive = queue.retry(self.claims.pop(line.holder), delay=3600)
        assert alive is (line.failures + 1 < MAX_ATTEMPTS)
        self._failed(line, "backing off")

    @precondition(_has_claim)
    @rule(data=st.data())
    def die(self, data: Any) -> None:
        line = self._pick(data, "claimed")
        claimed = self.claims.pop(line.holder)
        queue.expire(claimed.job.pk)
        assert sum(sweep.requeue_expired_leases()) == 1
        self.lost.append(claimed)
        self._failed(line, "ready")

    def _failed(self, line: Line, phase: str) -> None:
        line.failures += 1
        if line.failures == MAX_ATTEMPTS:
            self.ended[line.holder] = "error"
            line.let_go()
        else:
            line.phase = phase

    @rule()
    def wait(self) -> None:
        for name, line in self.lines.items():
            if line.phase == "backing off":
                queue.wait_out(name)
                line.phase = "ready"

    @precondition(lambda self: self.lost)
    @rule(data=st.data())
    def wake_the_dead(self, data: Any) -> None:
        """A worker that lost its job comes back and wants to end the run."""
        claimed = data.draw(st.sampled_from(range(len(self.lost))).map(self.lost.__getitem__))
        with pytest.raises(LostRun):
            queue.finish(claimed)
        job_id, token = claimed.job.pk, claimed.token
        assert not claims.release(job_id=job_id, token=token)
        assert claims.renew(claims={job_id: token}) == ({job_id}, set())

    # --- what always holds ---------------------------------------------------------------------

    @invariant()
    def rows_are_as_the_model_says(self) -> None:
        for name, line in getattr(self, "lines", {}).items():
            lane = Lane.objects.filter(pk=name).first()
            if lane:
                assert (lane.holder_id, lane.generation) == (line.holder, line.generation)
                assert lane.turn == line.turn
                expected = line.next()
                assert (lane.ready_at is not None) == bool(expected or line.phase == "backing off")
            claimed = Job.objects.filter(thread_id=name, state=Job.State.CLAIMED)
            assert claimed.count() == (line.phase == "claimed")

    @invariant()
    def runs_are_as_the_model_says(self) -> None:
        ended = Run.objects.filter(status=Run.Status.DONE)
        assert dict(ended.values_list("pk", "termination_code")) == getattr(self, "ended", {})
        waiting = {line.holder for line in self.lines.values() if line.phase == "suspended"}
        resumed = Run.objects.filter(status=Run.Status.WAITING, jobs__state=Job.State.QUEUED)
        rows = Run.objects.filter(status=Run.Status.WAITING).exclude(pk__in=resumed)
        assert set(rows.values_list("pk", flat=True)) == waiting
        open_jobs = Job.objects.filter(state__in=[Job.State.QUEUED, Job.State.CLAIMED])
        assert not open_jobs.filter(run__status=Run.Status.DONE).exists()


def test_it_behaves_like_the_model() -> None:
    run_machine(
        Mailbox,
        settings=settings(
            max_examples=30,
            derandomize=True,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
