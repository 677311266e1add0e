"""The number beside “Approvals” in the menu."""

from django.http import HttpRequest

from runs.models import ToolCall

MOST = 99


def waiting(request: HttpRequest) -> str:
    """How many calls wait for an answer; "" for none, so that no badge is shown."""
    if not request.user.has_perm("runs.view_toolcall"):
        return ""
    rows = ToolCall.objects.filter(status=ToolCall.Status.SUSPENDED).order_by("updated_at")
    count = len(rows.values_list("pk", flat=True)[: MOST + 1])
    return f"{MOST}+" if count > MOST else str(count or "")
