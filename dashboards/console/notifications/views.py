"""Administrators say who is told of alarms, and see how it went."""

import time
import uuid
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from dashboards.console.audit import log
from dashboards.console.notifications.models import Delivery, Rule
from dashboards.console.notifications.rules import DISCLAIMER
from dashboards.console.people.access import Role
from dashboards.console.people.decorators import needs

_SHOWN = 50
_SCHEMES = {"webhook": ("http", "https"), "mqtt": ("mqtt", "mqtts")}


class RuleForm(forms.ModelForm):
    class Meta:
        model = Rule
        fields = ("name", "channel", "address", "ward", "priority", "escalation")
        labels = {  # noqa: RUF012 (Django's way)
            "ward": "Ward (empty: all)",
            "priority": "From priority",
            "escalation": "From escalation",
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean()
        channel, address = cleaned.get("channel"), cleaned.get("address", "")
        if channel == "mail":
            try:
                validate_email(address)
            except ValidationError:
                self.add_error("address", "This is no e-mail address.")
        elif channel and urlsplit(address).scheme not in _SCHEMES[channel]:
            self.add_error("address", f"It begins with {' or '.join(_SCHEMES[channel])}://")
        return cleaned


@needs(Role.ADMIN, everywhere=True)
def notifications(request: HttpRequest) -> HttpResponse:
    form = RuleForm()
    if request.method == "POST":
        do, form = request.POST.get("do"), RuleForm(request.POST)
        if do in ("remove", "try"):
            _act(request, do)
            return redirect("notifications")
        if form.is_valid():
            rule = form.save()
            log.note(request, "notification rule", ward=rule.ward, subject=rule.name, made=True)
            return redirect("notifications")
    context = {
        "form": form,
        "rules": Rule.objects.all(),
        "deliveries": Delivery.objects.select_related("rule")[:_SHOWN],
    }
    return render(request, "notifications/notifications.html", context)


def _act(request: HttpRequest, do: str) -> None:
    number = request.POST.get("rule", "")
    rule = Rule.objects.filter(pk=int(number)).first() if number.isdecimal() else None
    if rule is None:
        return
    log.note(request, "notification rule", ward=rule.ward, subject=rule.name, do=do)
    if do == "remove":
        rule.delete()
        return
    now_us = time.time_ns() // 1000
    Delivery.objects.create(
        rule=rule,
        event_id=f"try-{uuid.uuid4().hex}",
        ward=rule.ward,
        message=_trial(rule),
        created_us=now_us,
        due_us=now_us,
    )
    messages.success(request, "A trial message is on its way; see below how it went.")


def _trial(rule: Rule) -> dict[str, Any]:
    return {
        "ward": rule.ward or None,
        "bed": None,
        "device": "nobody",
        "condition": "Trial message",
        "priority": rule.priority,
        "kind": "technical",
        "cause": "an administrator tries whether this arrives",
        "transition": "trial",
        "escalation": rule.escalation,
        "at": "",
        "episode_id": "",
        "disclaimer": DISCLAIMER,
    }
