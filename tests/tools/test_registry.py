import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import override_settings

from runs.tools import Tool, registry, tool
from runs.tools.decorator import build_tool
from runs.tools.errors import ToolDefinitionError
from runs.tools.source import register_source, registered_source, sourced_tools, sources


@pytest.fixture(autouse=True)
def _restored_registry() -> Iterator[None]:
    with registry.registered():
        yield


def look(city: str) -> str:
    return city


def found_tool(name: str) -> Tool | None:
    return next((each for each in registry.all_tools() if each.name == name), None)


def test_it_registers_a_decorated_function_and_returns_it_unchanged() -> None:
    assert tool(look) is look
    found = found_tool("look")
    assert found is not None
    assert found.function is look


def test_it_takes_options_of_the_decorator() -> None:
    options: dict[str, Any] = {
        "name": "see",
        "description": "See.",
        "timeout_seconds": None,
        "needs_approval": True,
        "idempotent": True,
        "transactional": True,
        "metadata": {"icon": "eye"},
    }
    assert tool(**options)(look) is look
    found = found_tool("see")
    assert found is not None
    assert {name: getattr(found, name) for name in options} == options


def test_it_knows_async_functions() -> None:
    async def listen() -> str:
        return "x"

    assert build_tool(listen).is_async
    assert not build_tool(look).is_async


def test_it_refuses_a_second_tool_of_the_same_name_and_names_both_places() -> None:
    def other(city: str) -> str:
        return city

    registry.register(build_tool(look))
    with pytest.raises(ToolDefinitionError) as caught:
        registry.register(build_tool(other, name="look"))
    assert "test_registry.look" in str(caught.value)
    assert "<locals>.other" in str(caught.value)


def test_it_lets_a_reloaded_module_define_its_tool_again() -> None:
    registry.register(build_tool(look))
    registry.register(build_tool(look))


def test_it_lists_tools_by_name() -> None:
    registry.register(build_tool(look, name="b"))
    registry.register(build_tool(look, name="a"))
    names = [each.name for each in registry.all_tools()]
    assert names == sorted(names)
    assert {"a", "b"} <= set(names)


def test_it_forgets_temporary_tools() -> None:
    registry.register(build_tool(look))
    replaced = found_tool("look")
    with registry.registered(build_tool(look, description="other"), build_tool(look, name="more")):
        assert found_tool("look") is not replaced
        assert found_tool("more") is not None
    assert found_tool("look") is replaced
    assert found_tool("more") is None


def test_it_discovers_the_tools_module_of_an_installed_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    app = tmp_path / "shop_with_tools"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "tools.py").write_text(
        "from runs.tools import tool\n\n@tool\ndef shop_price(item: str) -> int:\n    return 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with override_settings(INSTALLED_APPS=[*settings.INSTALLED_APPS, "shop_with_tools"]):
        registry.autodiscover()
        registry.autodiscover()
    for name in ("shop_with_tools.tools", "shop_with_tools"):
        monkeypatch.delitem(sys.modules, name)
    assert found_tool("shop_price") is not None


class Source:
    def __init__(self, name: str, *tools: Tool, error: Exception | None = None) -> None:
        self.name = name
        self._tools = tools
        self._error = error
        self.asked: list[tuple[Any, str]] = []

    def tools_for(self, *, registry: Any, agent_id: str) -> Iterable[Tool]:
        self.asked.append((registry, agent_id))
        if self._error is not None:
            raise self._error
        return self._tools


def test_it_collects_the_tools_of_sources() -> None:
    remote = build_tool(look, name="remote")
    source = Source("mcp-test", remote)
    with registered_source(source):
        assert remote in sourced_tools(registry="snapshot", agent_id="a")
    assert source.asked == [("snapshot", "a")]
    assert source not in sources()


def test_it_goes_on_without_a_source_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    remote = build_tool(look, name="remote")
    broken = Source("broken", error=RuntimeError("no database"))
    with registered_source(broken), registered_source(Source("mcp-test", remote)):
        assert remote in sourced_tools(registry=None, agent_id="a")
    assert "tool source broken failed" in caplog.text


def test_it_refuses_two_sources_of_one_name() -> None:
    with registered_source(Source("same")), pytest.raises(ToolDefinitionError, match="same"):
        register_source(Source("same"))
