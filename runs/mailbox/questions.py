"""The tickets under which a run shows what the run it delegated to asks.

A delegate that asks again asks under another ticket, so that an answer to the first question is
never taken for one to the second, which nobody may have seen yet.
"""

from runs.events import log
from runs.events.types import RunSuspended
from runs.models import Run, ToolCall


def ticket_id(child_id: str, number: int) -> str:
    """The ticket of the child's ``number``-th rest (1 for the first)."""
    return f"delegate_run:{child_id}" + (f":{number}" if number > 1 else "")


def number_of(ticket: str) -> int:
    """The rest that a ticket is about; 0 when there is no ticket yet."""
    number = ticket.removeprefix("delegate_run:").partition(":")[2]
    return int(number) if number.isdecimal() else int(bool(ticket))


def rests_of(child_id: str) -> list[RunSuspended]:
    events = (record.event for record in log.read(child_id))
    return [event for event in events if isinstance(event, RunSuspended)]


def asked_under(call: ToolCall) -> list[str]:
    """The tickets of the child that the ticket of the parent's ``call`` shows."""
    number = number_of(call.ticket_id)
    shown = rests_of(call.child_run_id)[number - 1 : number]
    return [ticket.ticket_id for rest in shown for ticket in rest.tickets]


def asks_again(child: Run) -> bool:
    """Whether the child waits for something that its parent does not show."""
    if child.status != Run.Status.WAITING:
        return False
    shown = ToolCall.objects.filter(
        run_id=child.parent_id, child_run_id=child.pk, status=ToolCall.Status.SUSPENDED
    ).first()
    return shown is not None and number_of(shown.ticket_id) < len(rests_of(child.pk))
