"""What the console says to Kafka, stored with the change that it tells of.

A record is written in the same transaction as the change, and sent afterwards, in order, until
Kafka holds it. So neither a console that dies nor a Kafka that is away loses or invents one; it
may be sent twice, with the same key and bytes, which every reader takes for one.
"""

import time

from django.db import models

from stream_processors.records import Record, encode
from stream_processors.topics import Topic


class Outgoing(models.Model):
    topic = models.CharField(max_length=64)
    key = models.BinaryField()
    value = models.BinaryField()
    created_us = models.BigIntegerField()
    sent_us = models.BigIntegerField(null=True, db_index=True)

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.topic} {bytes(self.key).decode(errors='replace')}"


class Duty(models.Model):
    """Which console has a duty, and until when if it is not heard of again."""

    name = models.CharField(max_length=32, unique=True)
    holder = models.CharField(max_length=64)
    until_us = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.name}: {self.holder}"


def post(topic: Topic, key: str, record: Record) -> int:
    """Have a record sent; returns its number, by which one can see that Kafka holds it."""
    outgoing = Outgoing.objects.create(
        topic=topic.name,
        key=key.encode(),
        value=encode(record),
        created_us=time.time_ns() // 1000,
    )
    return int(outgoing.pk)
