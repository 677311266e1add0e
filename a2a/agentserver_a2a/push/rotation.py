"""Webhook secrets under the newest encryption key."""

from django.db.models import Q

from agentserver_a2a.models import PushConfig
from config.rotation import BATCH, Renew

_COLUMNS = ("token", "credentials")


def renew_secrets(renew: Renew) -> int:
    """Rewrites the secrets of every webhook; how many have some."""
    rows = list(PushConfig.objects.exclude(Q(token="") & Q(credentials="")).only(*_COLUMNS))
    for row in rows:
        for column in _COLUMNS:
            secret = getattr(row, column)
            setattr(row, column, renew(secret) if secret else "")
    PushConfig.objects.bulk_update(rows, _COLUMNS, batch_size=BATCH)
    return len(rows)
