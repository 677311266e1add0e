"""What every admin page is built on; the only place that knows which admin theme is installed."""

from agentserver.core.admin.base import BaseAdmin
from agentserver.core.admin.pages import PageAdmin
from agentserver.core.admin.verbs import Verb

__all__ = ["BaseAdmin", "PageAdmin", "Verb"]
