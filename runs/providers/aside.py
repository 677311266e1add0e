"""What a model says beside its message: events that are no part of the answer's text or calls."""

from dataclasses import dataclass

from runs.events.types import AnyEvent


@dataclass(frozen=True)
class Aside:
    """Yielded by a model's stream between the model layer's own events.

    The engine emits `event` at this place of the run's log: an artifact, application data, an
    activity. It never becomes part of the stored assistant message, except for a `FileProduced`: it
    is a block of the message, and the engine puts its own message and block id in.
    """

    event: AnyEvent
