"""FHIR R4 search over what Observations are about, before any is made; pure.

Tokens are ``CODE``, ``SYSTEM|CODE`` or ``|CODE``, references ``ID``, ``Type/ID`` or, with the
modifier ``:identifier``, ``SYSTEM|VALUE``; a comma parts what may be, and a parameter that is given
twice must hold twice. Dates are compared with the observation's whole period.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from dashboards.console.fhir.observations import DEVICE, PSEUDONYM, STATUS, Heading

Test = Callable[[Heading], bool]
# How an answer looks, and not what it is about: what is not offered may be passed over.
FORM = frozenset({"_elements", "_format", "_pretty", "_sort", "_summary", "_total", "format"})
_PREFIXES = ("eq", "ge", "gt", "le", "lt")
_MOST_VALUES = 50


class SearchError(Exception):
    """In one sentence, what cannot be looked for."""


def matching(headings: Iterable[Heading], asked: Iterable[tuple[str, str]]) -> list[Heading]:
    """Those that hold all that is asked, in their order.

    Raises
    ------
    SearchError
        For a parameter that is not known, or a date that is none: who looks for something must not
        be shown something else.
    """
    tests = [_test(name, value) for name, value in asked]
    return [heading for heading in headings if all(test(heading) for test in tests)]


def _test(name: str, value: str) -> Test:
    bare = name.removesuffix(":identifier")
    values = value.split(",")
    if len(values) > _MOST_VALUES:
        raise SearchError(f"{name} has more than {_MOST_VALUES} values")
    if name == "_id":
        return lambda one: one.id in values
    if name in _TOKENS:
        coding_of = _TOKENS[name]
        return lambda one: _is_coded(coding_of(one), values)
    if bare in _REFERENCES:
        value_of, system, kind = _REFERENCES[bare]
        return lambda one: _is_meant(value_of(one), system, kind, values)
    if name == "date":
        spans = [_span(text) for text in values]
        return lambda one: any(_is_within(one.period, *span) for span in spans)
    known = ", ".join(("_id", *_TOKENS, *_REFERENCES, "date"))
    raise SearchError(f"{name[:40]} cannot be looked for; what can is {known}")


_TOKENS: dict[str, Callable[[Heading], dict[str, str]]] = {
    "code": lambda one: one.code,
    "category": lambda one: one.category,
    "status": lambda _: {"code": STATUS},
}
_OF_PATIENT = (lambda one: one.result.patient_id, PSEUDONYM, "Patient")
_REFERENCES: dict[str, tuple[Callable[[Heading], str | None], str, str]] = {
    "patient": _OF_PATIENT,
    "subject": _OF_PATIENT,
    "device": (lambda one: one.result.device_id, DEVICE, "Device"),
}


def _is_coded(coding: dict[str, str], values: Sequence[str]) -> bool:
    for value in values:
        system, bar, code = value.rpartition("|")
        if code == coding["code"] and (not bar or system == coding.get("system", "")):
            return True
    return False


def _is_meant(value: str | None, system: str, kind: str, values: Sequence[str]) -> bool:
    return value is not None and not {value, f"{kind}/{value}", f"{system}|{value}"}.isdisjoint(
        values
    )


def _span(text: str) -> tuple[str, datetime, datetime]:
    """The prefix, and the time that the rest stands for: a day, a minute, a second or less."""
    prefix = text[:2] if text[:2] in _PREFIXES else "eq"
    said = text.removeprefix(prefix)
    try:
        at = datetime.fromisoformat(said)
        at = at.replace(tzinfo=at.tzinfo or UTC)
        return prefix, at, at + _length(said)
    except (ValueError, OverflowError):
        raise SearchError(
            f"{text[:40]!r} is no date like ge2026-01-31T09:30:00Z; put + as %2B"
        ) from None


def _length(said: str) -> timedelta:
    """How much time a date stands for, by how exactly it is written."""
    if "T" not in said:
        return timedelta(days=1)
    clock = said.partition("T")[2].replace("Z", "+").partition("+")[0].partition("-")[0]
    if clock.count(":") < 2:
        return timedelta(minutes=1)
    return timedelta(milliseconds=1) if "." in clock else timedelta(seconds=1)


def _is_within(
    period: tuple[datetime, datetime], prefix: str, begin: datetime, end: datetime
) -> bool:
    starts, ends = period
    return {
        "eq": begin <= starts and ends <= end,
        "ge": ends > begin,
        "gt": ends > end,
        "le": starts < end,
        "lt": starts < begin,
    }[prefix]
