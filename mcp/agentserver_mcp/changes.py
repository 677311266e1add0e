"""Announcing that what is offered has changed, to listening clients of every process."""

from typing import Literal

from runs.events.live import channel

TOPIC = "mcp:changes"
Kind = Literal["tools", "prompts", "resources"]


def announce_list_change(kind: Kind) -> None:
    """The list of tools, prompts or resources is another one. From any thread; never raises."""
    channel().notify(TOPIC, {"kind": kind})


def announce_resource_update(uri: str) -> None:
    """The contents of a resource changed. From any thread; never blocks, never raises."""
    channel().notify(TOPIC, {"kind": "resource", "uri": uri})
