from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import chromium
from tests.live.databases import DatabaseTemplate
from tests.live.server import LiveServer, live_server

SECONDS = 20
expect.set_options(timeout=SECONDS * 1000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for each module: while Playwright runs, its loop occupies the thread of all tests."""
    if chromium.executable() is None:
        pytest.skip(chromium.MISSING)
    with chromium.started() as browser:
        yield browser


@pytest.fixture(scope="module")
def site(browser: Browser, database_template: DatabaseTemplate | None) -> Iterator[LiveServer]:
    """A server with olga, who may do everything."""
    with live_server(database_template) as server:
        chromium.add_user(server)
        yield server


@pytest.fixture
def page(browser: Browser, site: LiveServer) -> Iterator[Page]:
    """Signed in. At its end: nothing was loaded from elsewhere, and no script failed."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    foreign = chromium.watch_requests(context, site.url)
    page = context.new_page()
    page.set_default_timeout(SECONDS * 1000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    chromium.sign_in(page, site.url)
    yield page
    context.close()
    assert foreign == []
    assert faults == []
