"""How threads and messages are shown to operators.

The list and the page of threads are registered by the admin of runs, which adds what a thread runs.
"""

from threads.admin.conversation import Bubble, bubbles
from threads.admin.pages import ThreadPages

__all__ = ["Bubble", "ThreadPages", "bubbles"]
