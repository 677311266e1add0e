"""Tables of the A2A face."""

from agentserver_a2a.models.push import PushConfig
from agentserver_a2a.models.remote import RemoteTask

__all__ = ["PushConfig", "RemoteTask"]
