"""What stands in the cells of lists and pages: links, buttons, times, amounts."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString

from agentserver.core.clock import now

NOTHING = "\u2013"


def link(url: str, text: object, *, title: str = "") -> SafeString:
    return format_html('<a class="as-link" href="{}" title="{}">{}</a>', url, title, text)


def badge(text: str, kind: str) -> SafeString:
    """``kind``: ok, bad, busy, wait or none."""
    return format_html('<span class="as-badge as-badge-{}">{}</span>', kind, text)


def button(url: str, text: str, *, kind: str = "", confirm: str = "") -> SafeString:
    """Posts the list's own form, and with it the CSRF token, to ``url``."""
    return format_html(
        '<button type="submit" class="as-button {}" formaction="{}" formnovalidate'
        ' data-confirm="{}">{}</button>',
        f"as-button-{kind}" if kind else "",
        url,
        confirm,
        text,
    )


def short(identifier: str) -> str:
    """The end of an id of ours, which is what tells two of them apart."""
    return f"…{identifier[-8:]}" if len(identifier) > 20 else identifier


def ago(moment: datetime | None) -> str | SafeString:
    """How long since, or until; the exact time stands in the title."""
    if moment is None:
        return NOTHING
    seconds = (now() - moment).total_seconds()
    text = f"{span(seconds)} ago" if seconds >= 0 else f"in {span(-seconds)}"
    exact = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact, text)


def span(seconds: float) -> str:
    """A duration in seconds, in the two digits that matter."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} d"


def amount(number: int | None) -> str:
    return NOTHING if number is None else f"{number:,}"


def money(usd: Decimal | None) -> str:
    """US dollars; small amounts keep the digits that make them different from nothing."""
    if usd is None:
        return NOTHING
    if usd >= 1 or usd == 0:
        return f"${usd:,.2f}"
    return f"${usd:.4f}" if usd >= Decimal("0.01") else f"${usd:.6f}".rstrip("0")


def tokens(row: Any) -> str:
    """Input and output tokens of a run."""
    return f"{row.input_tokens:,} → {row.output_tokens:,}"
