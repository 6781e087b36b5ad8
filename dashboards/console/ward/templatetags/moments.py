"""Microseconds as people read them."""

from datetime import UTC, datetime

from django import template

register = template.Library()


@register.filter
def moment(at_us: int | None) -> str:
    """``2026-11-20 09:31:07``, in UTC; nothing for None and for the beginning of time."""
    if not at_us:
        return ""
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M:%S")


@register.filter
def symbol(priority: str) -> str:
    """So that a priority is never told by its colour alone."""
    return {"high": "▲▲▲", "medium": "▲▲", "low": "▲"}.get(priority, "")
