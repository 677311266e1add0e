"""What a waiting call asks: for leave, for a client's result, for what became of a lost call."""

from runs.events.types import Suspension
from runs.models import ToolCall


def permission_ticket(row: ToolCall) -> Suspension:
    ticket_id = f"perm_{row.call_id}"
    return Suspension(
        ticket_id=ticket_id,
        kind="permission",
        action="tool:PermissionConfirm",
        message=f"Permission required for tool '{row.name}'",
        parameters=row.arguments,
        pending_id=ticket_id,
        pending_name="permission_confirm",
        pending_arguments=row.arguments,
    )


def client_tool_ticket(row: ToolCall) -> Suspension:
    return Suspension(
        ticket_id=f"suspend_{row.call_id}",
        kind="client_tool",
        action=f"tool:{row.name}",
        parameters=row.arguments,
        pending_id=row.call_id,
        pending_name=row.name,
        pending_arguments=row.arguments,
        resume_mode="use_decision_as_tool_result",
    )


def unknown_outcome_ticket(row: ToolCall) -> Suspension:
    return Suspension(
        ticket_id=f"outcome_{row.call_id}",
        kind="unknown_outcome",
        action=f"tool:{row.name}",
        message=(
            f"The server stopped while '{row.name}' was running, so it may or may not have taken "
            "effect. Resume runs it again; cancel records your payload as its result."
        ),
        parameters=row.arguments,
        pending_id=row.call_id,
        pending_name=row.name,
        pending_arguments=row.arguments,
    )
