from agentserver.telemetry.labels import OTHER, BoundedLabel


def test_it_passes_known_values_on() -> None:
    bounded = BoundedLabel(limit=2)

    assert [bounded(name) for name in ("a", "b", "a")] == ["a", "b", "a"]


def test_it_puts_values_beyond_the_limit_together() -> None:
    bounded = BoundedLabel(limit=2)

    assert [bounded(name) for name in ("a", "b", "c", "d", "b")] == ["a", "b", OTHER, OTHER, "b"]


def test_it_refuses_endless_values() -> None:
    assert BoundedLabel()("x" * 101) == OTHER
