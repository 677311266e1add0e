"""The admin with a real browser on a real server."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser import chromium
from tests.live.server import LiveServer

pytestmark = pytest.mark.leg("sqlite")  # one process serves the admin's files without collecting

SCRIPTS = """{"scripts": {"greet": [{"reply": [
  {"text": "Good morning from the script.", "chunks": 30, "delay_ms": 60}]}]}}"""


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("body")).to_contain_text("successfully")


def make_agent(page: Page, site: LiveServer) -> None:
    """A provider with a script, a model with a price, and an agent on it."""
    page.goto(f"{site.url}/admin/")
    page.get_by_role("link", name="Providers", exact=True).click()
    page.locator("a[href$='/provider/add/']").first.click()
    page.locator("#id_id").fill("stage")
    page.locator("#id_adapter").select_option("scripted")
    page.get_by_text("More settings").click()
    page.get_by_label("Adapter options").fill(SCRIPTS)
    save(page)

    page.get_by_role("link", name="Models", exact=True).click()
    page.locator("a[href$='/modelbinding/add/']").first.click()
    page.locator("#id_id").fill("greeting")
    page.get_by_label("Provider ID").select_option("stage")
    page.get_by_label("Upstream model").fill("greet")
    page.get_by_label("Input token price").fill("1000")
    page.get_by_label("Output token price").fill("2000")
    save(page)

    page.get_by_role("link", name="Agents", exact=True).click()
    page.locator("a[href$='/agent/add/']").first.click()
    page.locator("#id_id").fill("greeter")
    page.get_by_label("Model ID").select_option("greeting")
    page.get_by_label("System prompt").fill("You greet.")
    save(page)


def test_it_follows_a_run_of_an_agent_made_by_hand(page: Page, site: LiveServer) -> None:
    make_agent(page, site)

    run = chromium.start_run(site.url, "greeter", "Hello!")
    page.goto(f"{site.url}/admin/runs/run/{run['run_id']}/change/")

    title = page.locator(".as-title")
    expect(title).to_contain_text("running")
    page.evaluate("window.neverReloaded = true")
    expect(title).to_contain_text("completed")
    expect(page.locator(".as-timeline")).to_contain_text("Good morning from the script.")
    expect(page.locator(".as-chat")).to_contain_text("Good morning from the script.")
    expect(page.locator(".as-facts")).to_contain_text(re.compile(r"Cost\s*\$0\.0"))
    assert page.evaluate("window.neverReloaded") is True


def test_it_approves_a_waiting_call(page: Page, site: LiveServer) -> None:
    run = chromium.run_until_rest(site.url, "demo-approval", "Tidy up")
    page.goto(f"{site.url}/admin/runs/run/{run['run_id']}/change/")
    expect(page.get_by_role("link", name="Approvals")).to_contain_text(re.compile("[1-9]"))
    expect(page.locator(".as-question")).to_contain_text("reports/old.txt")

    page.get_by_role("button", name="Approve").click()

    expect(page.locator("body")).to_contain_text("demo_delete_file was approved")
    expect(page.locator(".as-title")).to_contain_text("completed")
    expect(page.locator(".as-timeline")).to_contain_text("is deleted (not really")


def test_it_denies_a_call_from_the_list(page: Page, site: LiveServer) -> None:
    run = chromium.run_until_rest(site.url, "demo-approval", "Tidy up")
    page.goto(f"{site.url}/admin/runs/toolcall/?q={run['run_id']}")

    page.get_by_role("button", name="Deny").click()

    expect(page.locator("body")).to_contain_text("demo_delete_file was denied")
    page.goto(f"{site.url}/admin/runs/run/{run['run_id']}/change/")
    expect(page.locator(".as-timeline")).to_contain_text("denied")


def test_it_lists_a_new_run_without_reloading(page: Page, site: LiveServer) -> None:
    page.goto(f"{site.url}/admin/runs/run/")
    expect(page.locator("[data-live-state=live]")).to_be_visible()
    page.evaluate("window.neverReloaded = true")

    run = chromium.start_run(site.url, "demo-echo", "Here I am")

    row = page.locator("#result_list tr").filter(has_text=run["run_id"][-12:])
    expect(row).to_contain_text("completed")
    assert page.evaluate("window.neverReloaded") is True


def test_it_interrupts_a_thread_from_its_page(page: Page, site: LiveServer) -> None:
    run = chromium.start_run(site.url, "demo-slow", "Take your time")
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{site.url}/admin/threads/thread/{run['thread_id']}/change/")

    page.get_by_role("button", name="Interrupt").click()

    expect(page.locator("body")).to_contain_text("The thread is interrupted")
    expect(page.locator("#thread")).to_contain_text("cancelled")


def test_it_shows_an_error_at_its_field(page: Page, site: LiveServer) -> None:
    page.goto(f"{site.url}/admin/config/provider/add/")
    page.locator("#id_id").fill("x")
    page.locator("#id_adapter").select_option("openai")
    page.get_by_text("More settings").click()
    page.get_by_label("Adapter options").fill("{oops")
    page.get_by_role("button", name="Save", exact=True).click()

    row = page.locator(".form-row, .field-row, div").filter(
        has=page.get_by_label("Adapter options")
    )
    expect(row.last).to_contain_text("This is not JSON")
    expect(page.get_by_label("Adapter options")).to_be_visible()


def test_it_shows_a_key_once(page: Page, site: LiveServer) -> None:
    page.goto(f"{site.url}/admin/access/apikey/add/")
    page.get_by_label("Name").fill("ci")
    page.get_by_role("button", name="Save", exact=True).click()

    token = page.locator("#token").inner_text()
    assert re.fullmatch(r"as_[0-9a-f]{16}\.\S{40,}", token)
    page.get_by_role("link", name="I have it").click()
    expect(page.locator("body")).not_to_contain_text(token)


@pytest.mark.parametrize("width", [390, 1440])
def test_it_never_makes_a_page_wider_than_the_window(
    page: Page, site: LiveServer, width: int
) -> None:
    run = chromium.run_until_rest(site.url, "demo-approval", "Tidy up " + "x" * 300)
    page.set_viewport_size({"width": width, "height": 844})
    paths = [
        "",
        "runs/run/",
        f"runs/run/{run['run_id']}/change/",
        f"threads/thread/{run['thread_id']}/change/",
        "runs/job/",
        "runs/toolcall/",
        "config/agent/add/",
        "config/entryrevision/",
    ]

    for path in paths:
        page.goto(f"{site.url}/admin/{path}")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= width, (path, wide)
