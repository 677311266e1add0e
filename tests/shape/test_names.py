"""The folders ``a2a/`` and ``mcp/`` must never hide the PyPI packages of the same names."""

import tomllib
from importlib.machinery import PathFinder

import pytest

import agentserver
from tests.shape.source import ROOT

pytestmark = pytest.mark.leg("sqlite")  # reads source: once is enough

SHARED_NAMES = ["a2a", "mcp"]


@pytest.mark.parametrize("name", SHARED_NAMES)
def test_it_finds_no_regular_package_of_a_shared_name_in_the_checkout(name: str) -> None:
    found = PathFinder.find_spec(name, [str(ROOT)])

    assert found is None or found.origin is None  # no origin: a namespace, which gives way


@pytest.mark.parametrize("name", SHARED_NAMES)
def test_it_keeps_modules_out_of_the_folder_with_a_shared_name(name: str) -> None:
    assert list((ROOT / name).glob("*.py")) == []


@pytest.mark.parametrize("name", SHARED_NAMES)
def test_it_imports_an_installed_sdk_from_outside_the_checkout(name: str) -> None:
    found = PathFinder.find_spec(name)

    # A namespace made of our own folder, when the SDK is not installed, has no origin.
    installed = found.origin if found else None
    assert installed is None or "site-packages" in installed


@pytest.mark.parametrize("name", SHARED_NAMES)
def test_it_lets_a_regular_package_win_over_the_folder(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("site")
    (elsewhere / name).mkdir()
    (elsewhere / name / "__init__.py").touch()

    found = PathFinder.find_spec(name, [str(ROOT), str(elsewhere)])

    assert found is not None
    assert found.origin == str(elsewhere / name / "__init__.py")


@pytest.mark.parametrize("name", SHARED_NAMES)
def test_it_has_no_test_package_with_a_shared_name(name: str) -> None:
    assert list((ROOT / "tests").rglob(f"{name}/__init__.py")) == []


def test_it_is_built_as_the_version_that_it_calls_itself() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == agentserver.__version__
