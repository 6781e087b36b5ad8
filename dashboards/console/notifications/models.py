"""To whom alarms are told, and how it went."""

import re

from django.db import models

CHANNELS = ("webhook", "mail", "mqtt")
PRIORITIES = ("high", "medium", "low")


class Rule(models.Model):
    """Tell this address of alarms of a ward, from a priority and an escalation on."""

    name = models.CharField(max_length=80)
    channel = models.CharField(max_length=8, choices=[(c, c) for c in CHANNELS])
    address = models.CharField(
        max_length=300, help_text="URL, e-mail address, or mqtt(s)://HOST:PORT/TOPIC"
    )
    ward = models.CharField(max_length=64, blank=True)
    priority = models.CharField(max_length=8, default="high", choices=[(p, p) for p in PRIORITIES])
    escalation = models.PositiveSmallIntegerField(
        default=0, help_text="0: at once; 1: when nobody answered; 2: when still nobody did"
    )
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ("name",)

    def __str__(self) -> str:
        return str(self.name)

    @property
    def where(self) -> str:
        """The address, without a password that may be in it."""
        return re.sub(r"(?<=://)([^/@:]*):[^/@]*@", r"\1:…@", self.address)


class Delivery(models.Model):
    """One message to one address; tried until it is delivered or too old to be of use."""

    rule = models.ForeignKey(Rule, on_delete=models.CASCADE, related_name="deliveries")
    event_id = models.CharField(max_length=64)
    ward = models.CharField(max_length=64, blank=True)
    message = models.JSONField()
    created_us = models.BigIntegerField(db_index=True)
    due_us = models.BigIntegerField(db_index=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    state = models.CharField(
        max_length=10,
        default="waiting",
        choices=[(s, s) for s in ("waiting", "delivered", "given up")],
    )
    answer = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("-id",)
        constraints = (models.UniqueConstraint(fields=("rule", "event_id"), name="told_once"),)

    def __str__(self) -> str:
        return f"{self.rule}: {self.state}"
