"""What goes around resources: bundles with their links, what went wrong, what is on offer; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from dashboards.console.fhir.observations import DISCLAIMER, Heading

_ISSUES = {
    400: "invalid",
    401: "login",
    403: "forbidden",
    404: "not-found",
    405: "not-supported",
    503: "transient",
}


@dataclass(frozen=True)
class Page:
    """Of what was found so many from there on, looked for with `asked` at `address`."""

    address: str
    asked: Sequence[tuple[str, str]]
    offset: int
    count: int

    def of(self, found: Sequence[Heading]) -> Sequence[Heading]:
        return found[self.offset : self.offset + self.count]

    def link(self, relation: str, offset: int) -> dict[str, str]:
        query = urlencode([*self.asked, ("_count", self.count), ("_offset", offset)])
        return {"relation": relation, "url": f"{self.address}?{query}"}


def bundle(shown: Sequence[dict[str, Any]], page: Page, *, total: int) -> dict[str, Any]:
    """A searchset: `total` is of all that was found, the links lead through the pages of it."""
    links = [page.link("self", page.offset)]
    if page.count and page.offset:
        links.append(page.link("previous", max(0, page.offset - page.count)))
    if page.count and page.offset + page.count < total:
        links.append(page.link("next", page.offset + page.count))
    made = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": total,
        "link": links,
    }
    if not shown:
        return made  # R4 has no empty lists
    entries = [
        {
            "fullUrl": f"{page.address}/{resource['id']}",
            "resource": resource,
            "search": {"mode": "match"},
        }
        for resource in shown
    ]
    return made | {"entry": entries}


def outcome(status: int, words: str) -> dict[str, Any]:
    """Why there is no other answer."""
    issue = {"severity": "error", "code": _ISSUES.get(status, "processing"), "diagnostics": words}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def capability(address: str, version: str) -> dict[str, Any]:
    """What this server can do; `date` is when that last changed."""
    tokens = [{"name": name, "type": "token"} for name in ("_id", "category", "code", "status")]
    references = [
        {"name": name, "type": "reference", "documentation": "By identifier; there is no resource."}
        for name in ("device", "patient", "subject")
    ]
    resource = {
        "type": "Observation",
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": [*tokens, *references, {"name": "date", "type": "date"}],
        "documentation": "The last minute of each bed that the asker may see, the newest first; "
        "nothing older is served here.",
    }
    security = {"cors": False, "description": "Authorization: Bearer TOKEN, or a page's session."}
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-30",
        "kind": "instance",
        "software": {"name": "Heartward", "version": version},
        "implementation": {"description": DISCLAIMER, "url": address},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [{"mode": "server", "security": security, "resource": [resource]}],
    }
