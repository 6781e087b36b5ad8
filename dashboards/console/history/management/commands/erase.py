"""Erase by age or by patient: ``python -m dashboards.console.manage erase --patient P17``."""

import time
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from dashboards.console.admissions.models import Patient, current
from dashboards.console.audit import log
from dashboards.console.history.influx_erasure import InfluxErasureError, erase_points
from dashboards.console.history.retention import erase_before, erase_patient, kafka_forgets_at
from dashboards.console.lib import erasers
from ingest.connections import InfluxConnection, load


class Command(BaseCommand):
    help = "Erase what the console and InfluxDB hold of a patient, or what is older than some days"

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("--patient", help="pseudonym of whom everything is erased")
        what.add_argument("--older-than-days", type=float, help="erase what is older")

    def handle(self, *_: Any, **options: Any) -> None:
        influx = load(InfluxConnection)
        if options["patient"]:
            self._of_patient(options["patient"], influx)
        else:
            self._old(options["older_than_days"], influx)

    def _of_patient(self, pseudonym: str, influx: InfluxConnection) -> None:
        patient = Patient.objects.filter(pseudonym=pseudonym).first()
        if patient is None:
            raise CommandError(f"there is no patient {pseudonym}")
        worn = current(time.time_ns() // 1000).filter(patient=patient).first()
        if worn is not None:
            raise CommandError(
                f"{pseudonym} still wears {worn.device}, and more would come: discharge first"
            )
        spans = [(a.device.device_id, a.from_us, a.until_us) for a in patient.assignments.all()]
        erased = erase_patient(pseudonym)._asdict() | erasers.erase_patient(pseudonym)
        patient.sealed_identity = None
        patient.save(update_fields=["sealed_identity"])
        log.write("command line", "erase", subject=pseudonym, **erased)
        self._tell(erased)
        self._say_what_is_not_erased(influx)
        for device_id, from_us, until_us in spans:
            self._points(influx, from_us, until_us, device_id)
        self.stdout.write(f"Kafka has forgotten it by {kafka_forgets_at():%Y-%m-%d %H:%M} UTC.")

    def _old(self, days: float, influx: InfluxConnection) -> None:
        if not days > 0:
            raise CommandError("more than 0 days are needed")
        before_us = round((time.time() - days * 86_400) * 1e6)
        before = datetime.fromtimestamp(before_us / 1e6, UTC)
        erased = erase_before(before_us)._asdict() | erasers.erase_before(before)
        log.write("command line", "erase", subject=f"older than {days:g} d", **erased)
        self._tell(erased)
        self._say_what_is_not_erased(influx)
        self._points(influx, 0, before_us, None)

    def _tell(self, erased: dict[str, int]) -> None:
        self.stdout.write(
            "Erased: " + ", ".join(f"{count} {what}" for what, count in erased.items())
        )

    def _say_what_is_not_erased(self, influx: InfluxConnection) -> None:
        if influx.url is None:
            self.stdout.write("InfluxDB: nothing is erased, for HEARTWARD_INFLUX_URL is not set.")

    def _points(
        self, influx: InfluxConnection, from_us: int, until_us: int | None, device_id: str | None
    ) -> None:
        if influx.url is None:
            return
        try:
            erase_points(influx, from_us, until_us, device_id)
        except InfluxErasureError as error:
            raise CommandError(f"InfluxDB did not erase: {error}; run this again") from None
        self.stdout.write(f"InfluxDB: points of {device_id or 'every device'} erased.")
