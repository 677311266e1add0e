"""What was measured, as a table for people and as data."""

from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.mcp_load import Listening
from benchmarks.measure import Latency, Memory, Throughput, as_data

_TITLES = (
    "",
    "first event p50/p95",
    "first delta p50/p95",
    "clients",
    "runs/s",
    "CPU ms/run",
    "quiet",
    "x floor",
    "of which",
)


@dataclass
class Series:
    """One kind of model on one kind of server."""

    name: str
    latency: Latency | None = None
    throughput: list[Throughput] = field(default_factory=list)


@dataclass
class TargetReport:
    """`series` of a server; `floor` is the bare relay under the same web server."""

    kind: str
    series: list[Series] = field(default_factory=list)
    floor: Series | None = None
    memory: dict[str, Memory] = field(default_factory=dict)
    listening: Listening | None = None

    def as_data(self) -> dict[str, Any]:
        every = [*self.series, *([self.floor] if self.floor else [])]
        return {
            "kind": self.kind,
            "series": {
                each.name: {
                    "latency": as_data(each.latency),
                    "throughput": [as_data(one) for one in each.throughput],
                }
                for each in every
            },
            "memory": {name: as_data(memory) for name, memory in self.memory.items()},
            "listening": asdict(self.listening) if self.listening else None,
        }

    def lines(self) -> list[str]:
        every = [*([self.floor] if self.floor else []), *self.series]
        return [
            "",
            f"== {self.kind} ==",
            _row(*_TITLES),
            *(line for series in every for line in self._series_lines(series)),
            *self._face_lines(),
            *(self._memory_line(name, memory) for name, memory in self.memory.items()),
            *self._listening_lines(),
        ]

    def _series_lines(self, series: Series) -> list[str]:
        alone = series.latency
        first = [_row(series.name, *_moments(alone), "1")] if alone else []
        return first + [
            _row(
                series.name,
                *_moments(one.latency),
                str(one.clients),
                f"{one.runs_per_second:.1f}",
                f"{one.total_cpu_ms:.1f}",
                f"{one.quiet_cpu_ms:.1f}",
                self._ratio(one),
                _parts(one.cpu_ms, "ms") + _failures(one),
            )
            for one in series.throughput
        ]

    def _face_lines(self) -> list[str]:
        """What the scripted run costs over A2A, against the native stream of the same run."""
        named = {series.name: series.throughput for series in self.series}
        pairs = zip(named.get("a2a", []), named.get("scripted", []), strict=False)
        return [
            f"  A2A stream, {face.clients} clients: {face.quiet_cpu_ms / native.quiet_cpu_ms:.2f} x"
            " the CPU of the native stream"
            for face, native in pairs
            if native.quiet_cpu_ms
        ]

    def _listening_lines(self) -> list[str]:
        if self.listening is None:
            return []
        calls = self.listening.calls
        return [
            self._memory_line("MCP listen streams", self.listening.memory),
            f"  beside them {calls.clients} MCP callers: {calls.runs_per_second:.1f} calls/s,"
            f" {calls.quiet_cpu_ms:.1f} ms CPU per call (quiet){_failures(calls)}",
        ]

    def _ratio(self, one: Throughput) -> str:
        known = self.floor.throughput if self.floor else []
        below = [each.quiet_cpu_ms for each in known if each.clients == one.clients]
        return f"{one.quiet_cpu_ms / below[0]:.1f}" if below and below[0] else ""

    def _memory_line(self, name: str, memory: Memory) -> str:
        parts = _parts(memory.kb_each, "KB")
        return f"  {memory.count} {name}: {memory.total_kb:.0f} KB each ({parts})"


def _row(*cells: str) -> str:
    widths = (9, 20, 20, 7, 6, 10, 6, 7, 0)
    return "  " + " ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=False))


def _moments(latency: Latency) -> tuple[str, str]:
    return (
        f"{latency.first_event_p50:.1f} / {latency.first_event_p95:.1f} ms",
        f"{latency.first_delta_p50:.1f} / {latency.first_delta_p95:.1f} ms",
    )


def _parts(values: dict[str, float], unit: str) -> str:
    return ", ".join(f"{name} {value:.1f} {unit}" for name, value in values.items())


def _failures(one: Throughput) -> str:
    return f"  {one.latency.failed} FAILED: {one.reasons[0]}" if one.latency.failed else ""
