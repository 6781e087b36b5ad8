"""Administrators read who did what."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from dashboards.console.audit.models import AuditEntry
from dashboards.console.lib.pages import page_of
from dashboards.console.people.access import Role
from dashboards.console.people.decorators import needs
from dashboards.console.people.models import access_of


@require_GET
@needs(Role.ADMIN)
def audit(request: HttpRequest) -> HttpResponse:
    """The log; who administers some wards sees what concerns those."""
    entries = AuditEntry.objects.all()
    wards = access_of(request.user).wards(Role.ADMIN)
    if wards is not None:
        entries = entries.filter(ward__in=list(wards))
    chosen = {name: request.GET.get(name, "").strip() for name in ("actor", "action", "subject")}
    for name, value in chosen.items():
        if value:
            entries = entries.filter(**{f"{name}__icontains": value})
    context = {"page": page_of(request, entries), "chosen": chosen}
    return render(request, "people/audit.html", context)
