"""Pictures of the admin for the documentation: docs/images/*.png, for a desktop and a phone.

Starts a server of its own in a scratch folder with the demo agents, invents a day of runs, and
visits the pages with Chromium. Usage: ``python -m scripts.screenshots [folder]``.
"""

import sys
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.browser import chromium
from tests.live.server import LiveServer, live_server

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
DESKTOP = {"width": 1440, "height": 900}
HIGHEST = 1800
PHONE = {"width": 390, "height": 844}
# A day of runs that no worker made: agent, model, share of failures, seconds, USD per 1000 tokens.
PAST = """
import random
from datetime import timedelta
from decimal import Decimal
from agentserver.core.clock import now
from runs.models import Run
from threads.models import Thread

random.seed(7)
agents = [
    ("support", "claude-haiku", 0.03, 6, 2), ("researcher", "gpt-5", 0.09, 42, 6),
    ("summariser", "gemini-flash", 0.01, 3, 1), ("coder", "gpt-5", 0.16, 95, 6),
]
thread = Thread.objects.create(title="Imported conversations")
runs = []
for hour in range(1, 24):
    for _ in range(random.randint(4, 30)):
        agent, model, failing, seconds, price = random.choice(agents)
        began = now() - timedelta(hours=hour, minutes=random.randint(0, 59))
        used = random.randint(800, 9000)
        draw = random.random()
        code = "error" if draw < failing else "cancelled" if draw > 0.96 else "natural"
        runs.append(Run(
            thread=thread, agent_id=agent, model_name=model, status="done", termination_code=code,
            created_at=began, updated_at=began, started_at=began, steps=random.randint(1, 6),
            finished_at=began + timedelta(seconds=seconds * random.uniform(0.5, 2)),
            input_tokens=used, output_tokens=used // 7, attempt=1,
            cost_usd=Decimal(used * price) / 1_000_000,
        ))
Run.objects.bulk_create(runs)
"""


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with live_server(None) as server, chromium.started() as browser:
        chromium.add_user(server)
        server.manage("shell", "--command", PAST)
        pages = _pages(server)
        _take(browser, server.url, pages, folder, size=DESKTOP, suffix="")
        _take(browser, server.url, pages, folder, size=PHONE, suffix="-phone")
        dark = {name: pages[name] for name in ("dashboard", "run", "agent-form")}
        _take(browser, server.url, dark, folder, size=DESKTOP, suffix="-dark", dark=True)
    print(f"wrote {len(list(folder.glob('*.png')))} pictures to {folder}")


def _pages(server: LiveServer) -> dict[str, str]:
    """Names of pictures and paths of pages, after a few runs were started."""
    sums = chromium.run_until_rest(server.url, "demo-tool", "What is 2 + 3?")
    chromium.start_run(server.url, "demo-echo", "And thanks!", thread_id=sums["thread_id"])
    waiting = chromium.run_until_rest(server.url, "demo-approval", "Please tidy up the reports")
    chromium.run_until_rest(server.url, "demo-error", "This one will fail")
    agent = server.manage("shell", "--verbosity", "0", "--command", _FIRST_AGENT).split()[-1]
    return {
        "dashboard": "/admin/",
        "threads": "/admin/threads/thread/",
        "thread": f"/admin/threads/thread/{sums['thread_id']}/change/",
        "runs": "/admin/runs/run/",
        "run": f"/admin/runs/run/{sums['run_id']}/change/",
        "run-waiting": f"/admin/runs/run/{waiting['run_id']}/change/",
        "mailbox": "/admin/runs/job/",
        "approvals": "/admin/runs/toolcall/",
        "agents": "/admin/config/agent/",
        "agent-form": f"/admin/config/agent/{agent}/change/",
        "provider-form": "/admin/config/provider/add/",
        "mcp-servers": "/admin/config/mcpserver/",
        "revisions": "/admin/config/entryrevision/",
        "api-keys": "/admin/access/apikey/",
        "api-key-form": "/admin/access/apikey/add/",
        "users": "/admin/auth/user/",
    }


_FIRST_AGENT = (
    "from config.models import Entry;"
    "print(Entry.objects.get(namespace='agents', key='demo-approval').pk)"
)


def _take(
    browser: Browser,
    url: str,
    pages: dict[str, str],
    folder: Path,
    *,
    size: dict[str, int],
    suffix: str,
    dark: bool = False,
) -> None:
    scheme = "dark" if dark else "light"
    context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    chromium.sign_in(page, url)
    for name, path in pages.items():
        page.goto(f"{url}{path}")
        _ready(page)
        # As high as the page, up to a point: footers stick to the lower edge of the window.
        height = min(page.evaluate("document.documentElement.scrollHeight"), HIGHEST)
        page.set_viewport_size({"width": size["width"], "height": max(height, size["height"])})
        page.screenshot(path=folder / f"{name}{suffix}.png")
        page.set_viewport_size({"width": size["width"], "height": size["height"]})
    context.close()


def _ready(page: Page) -> None:
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready")


if __name__ == "__main__":
    main()
