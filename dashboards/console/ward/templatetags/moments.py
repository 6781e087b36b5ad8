"""Microseconds as people read them."""

from datetime import UTC, datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def moment(at_us: int | None) -> str | SafeString:
    """``2026-11-20 09:31:07 UTC``, which a page with scripts tells by the clock on its own wall.

    Nothing for None and for the beginning of time.
    """
    if not at_us:
        return ""
    at = datetime.fromtimestamp(at_us / 1e6, UTC)
    words = at.strftime("%Y-%m-%d %H:%M:%S")
    return format_html('<time datetime="{}">{} UTC</time>', at.isoformat(), words)


@register.filter
def symbol(priority: str) -> str:
    """So that a priority is never told by its colour alone."""
    return {"high": "▲▲▲", "medium": "▲▲", "low": "▲"}.get(priority, "")
