"""Debian's Chromium through Playwright, without a download and without calls home."""

import contextlib
import json
import os
import shutil
import urllib.request
from collections.abc import Iterator
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
USER, PASSWORD = "olga", "a-password-for-tests"
MISSING = "Chromium was not found: apt-get install chromium, or set CHROMIUM to its path"


def executable() -> str | None:
    named = os.environ.get("CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


@contextlib.contextmanager
def started() -> Iterator[Browser]:
    path = executable()
    if path is None:
        raise RuntimeError(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def add_user(server: Any) -> None:
    """A superuser, made by a child process: Playwright's loop forbids the ORM in this one."""
    code = (
        "from django.contrib.auth.models import User;"
        f"User.objects.create_superuser({USER!r}, password={PASSWORD!r})"
    )
    server.manage("shell", "--command", code)


def sign_in(page: Page, url: str) -> None:
    page.goto(f"{url}/admin/")
    page.get_by_label("Username").fill(USER)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(f"{url}/admin/")


def watch_requests(context: BrowserContext, url: str) -> list[str]:
    """Collects what pages load from anywhere but the server."""
    foreign: list[str] = []
    context.on(
        "request",
        lambda request: (
            None if request.url.startswith((url, "data:")) else foreign.append(request.url)
        ),
    )
    return foreign


def start_run(url: str, agent_id: str, text: str, *, thread_id: str = "") -> dict[str, Any]:
    """Starts a run in the background over HTTP: its id and its thread's."""
    thread = thread_id or post(f"{url}/v1/threads", {"title": text[:40]})["id"]
    body = {"agent_id": agent_id, "messages": [{"role": "user", "content": text}]}
    return post(f"{url}/v1/threads/{thread}/messages", body)


def post(url: str, body: dict[str, Any]) -> dict[str, Any]:
    with _send(url, body) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def _send(url: str, body: dict[str, Any]) -> Any:
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    return urllib.request.urlopen(request, timeout=60)


def run_until_rest(url: str, agent_id: str, text: str) -> dict[str, Any]:
    """A run that has finished or waits for somebody, as ``GET /v1/runs/<id>`` shows it."""
    body = {"agent_id": agent_id, "messages": [{"role": "user", "content": text}]}
    with _send(f"{url}/v1/runs?close_on_suspend=true", body) as answer:
        run_id = answer.headers["x-run-id"]
        answer.read()
    with urllib.request.urlopen(f"{url}/v1/runs/{run_id}", timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
    return found
