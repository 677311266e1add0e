"""The example chat page in a real browser: built by Vite, in front of a live server."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.live.process import ROOT, ServerProcess
from tests.live.server import LiveServer
from tests.processes import free_port

pytestmark = pytest.mark.leg("sqlite")  # what clients make of the protocol is the same on both


EXAMPLE = ROOT / "examples" / "chat"
SLOW_ENDING = "or to cancel it."


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built page."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.fail("npm was not found: it is needed to build examples/chat")
    if not (EXAMPLE / "node_modules").exists():
        subprocess.run([npm, "ci", "--loglevel=error"], cwd=EXAMPLE, check=True)
    folder = tmp_path_factory.mktemp("chat")
    command = [npm, "run", "build", "--", "--outDir", str(folder), "--emptyOutDir"]
    subprocess.run(command, cwd=EXAMPLE, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def address(built: Path, server: LiveServer) -> Iterator[str]:
    """Where the page is served, with the live server behind it."""
    port = free_port()
    vite = EXAMPLE / "node_modules" / ".bin" / "vite"
    place = ["--outDir", str(built), "--host", "127.0.0.1", "--port", str(port), "--strictPort"]
    process = ServerProcess(
        "the chat page",
        [str(vite), "preview", str(EXAMPLE), *place],
        {**os.environ, "AGENTSERVER_URL": server.url, "NO_COLOR": "1"},
    )
    try:
        process.wait_for_line(str(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        process.end()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert faults == []


@pytest.fixture
def chat(address: str) -> str:
    """The address of a chat of its own; add ``&agent=``."""
    return f"{address}/?chat={uuid4()}"


def say(page: Page, address: str, text: str) -> None:
    page.goto(address)
    page.get_by_label("Message").fill(text)
    page.get_by_role("button", name="Send").click()


def answer(page: Page) -> Locator:
    return page.locator("li[data-role=assistant]")


def card(page: Page, tool: str) -> Locator:
    return page.get_by_role("region", name=f"Tool {tool}")


def is_ready(page: Page) -> None:
    expect(page.get_by_role("status")).to_have_text("ready")


def test_it_answers_a_message(page: Page, chat: str) -> None:
    say(page, f"{chat}&agent=demo-echo", "hello there")
    expect(answer(page)).to_have_text("hello there")
    is_ready(page)
    page.reload()
    expect(answer(page)).to_have_text("hello there")


def test_it_shows_a_tool_call_as_a_card(page: Page, chat: str) -> None:
    say(page, f"{chat}&agent=demo-tool", "add")
    expect(card(page, "demo_add")).to_contain_text("5")
    expect(answer(page)).to_contain_text("2 + 3 = 5")


@pytest.mark.parametrize(
    ("button", "state"), [("Approve", "output-available"), ("Deny", "output-denied")]
)
def test_it_takes_an_approval(page: Page, chat: str, button: str, state: str) -> None:
    say(page, f"{chat}&agent=demo-approval", "delete it")
    page.get_by_role("button", name=button).click()
    expect(card(page, "demo_delete_file")).to_have_attribute("data-state", state)
    expect(answer(page)).to_contain_text("The tool answered")
    expect(answer(page)).to_have_count(1)


def test_it_takes_an_approval_after_a_reload(page: Page, chat: str) -> None:
    say(page, f"{chat}&agent=demo-approval", "delete it")
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    page.reload()
    page.get_by_role("button", name="Approve").click()
    expect(answer(page)).to_contain_text("is deleted")
    expect(answer(page)).to_have_count(1)


def test_it_runs_a_tool_of_the_page(page: Page, chat: str) -> None:
    say(page, f"{chat}&agent=demo-frontend", "which colour?")
    page.get_by_role("button", name="green").click()
    expect(answer(page)).to_contain_text('Your page answered: {"colour":"green"}')


def test_it_stops_an_answer(page: Page, chat: str) -> None:
    say(page, f"{chat}&agent=demo-slow", "slowly")
    expect(answer(page)).to_contain_text("This answer")
    page.get_by_role("button", name="Stop").click()
    is_ready(page)
    expect(answer(page)).not_to_contain_text(SLOW_ENDING)


def test_it_goes_on_after_a_reload_in_the_middle(page: Page, chat: str) -> None:
    say(page, f"{chat}&agent=demo-slow", "slowly")
    expect(answer(page)).to_contain_text("This answer")
    page.reload()
    expect(answer(page)).to_contain_text("This answer")
    assert SLOW_ENDING not in answer(page).inner_text()
    expect(answer(page)).to_contain_text(SLOW_ENDING)
    is_ready(page)
    assert answer(page).inner_text().count("This answer") == 1


def test_it_shows_the_same_in_a_second_tab(page: Page, chat: str) -> None:
    address = f"{chat}&agent=demo-slow"
    say(page, address, "slowly")
    expect(answer(page)).to_contain_text("This answer")
    second = page.context.new_page()
    second.goto(address)
    expect(answer(second)).to_contain_text("This answer")
    expect(answer(second)).to_contain_text(SLOW_ENDING)
    expect(answer(page)).to_contain_text(SLOW_ENDING)
    assert answer(second).inner_text() == answer(page).inner_text()


def test_it_generates_an_answer_anew(page: Page, chat: str) -> None:
    say(page, f"{chat}&agent=demo-echo", "once more")
    expect(answer(page)).to_have_text("once more")
    is_ready(page)
    before = answer(page).get_attribute("data-id")
    page.get_by_role("button", name="Regenerate").click()
    expect(answer(page)).not_to_have_attribute("data-id", before or "")
    expect(answer(page)).to_have_text("once more")
    expect(answer(page)).to_have_count(1)
