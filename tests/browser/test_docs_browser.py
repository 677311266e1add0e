"""The pages of the API documentation in a real browser, wide and narrow, without the internet."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.live.server import LiveServer

pytestmark = pytest.mark.leg("sqlite")  # one process serves the pages' files without collecting
SECONDS = 60_000
WIDTHS = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture(params=sorted(WIDTHS))
def window(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    width, height = WIDTHS[request.param]
    context = browser.new_context(viewport={"width": width, "height": height})
    yield context
    context.close()


@pytest.fixture
def page(window: BrowserContext) -> Page:
    opened = window.new_page()
    opened.set_default_timeout(SECONDS)
    return opened


def overflows(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))


def loaded_elsewhere(window: BrowserContext, url: str) -> list[str]:
    """Answers that came from another place; what the policy stopped has none."""
    found: list[str] = []
    window.on(
        "response",
        lambda answer: (
            None
            if answer.url.startswith((url, "data:", f"blob:{url}"))
            else found.append(answer.url)
        ),
    )
    return found


def test_it_tries_an_operation(window: BrowserContext, page: Page, server: LiveServer) -> None:
    elsewhere = loaded_elsewhere(window, server.url)
    page.goto(f"{server.url}/docs#/health/get_health")

    health = page.locator("#operations-health-get_health")
    health.get_by_role("button", name="Try it out").click(timeout=SECONDS)
    health.get_by_role("button", name="Execute").click()

    expect(health.locator(".live-responses-table")).to_contain_text('"status": "healthy"')
    assert not overflows(page)
    assert elsewhere == []


def test_it_shows_the_schemas_of_the_configuration(
    window: BrowserContext, page: Page, server: LiveServer
) -> None:
    elsewhere = loaded_elsewhere(window, server.url)
    page.goto(f"{server.url}/redoc#tag/Schemas")

    expect(page.get_by_role("heading", name="AgentSpec")).to_be_attached(timeout=SECONDS)
    expect(page.locator("body")).to_contain_text("Threads and runs", ignore_case=True)
    assert not overflows(page)
    assert elsewhere == []
