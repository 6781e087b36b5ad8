"""Erase by age or by patient: ``python -m dashboards.console.manage erase --patient P17``."""

import time
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.db.models import Min, Q

from dashboards.console.admissions.models import Assignment, Patient
from dashboards.console.audit import log
from dashboards.console.history import clip_files
from dashboards.console.history.influx_erasure import (
    InfluxErasureError,
    Worn,
    erase_older,
    erase_worn,
)
from dashboards.console.history.retention import (
    erase_before,
    erase_patient,
    hold_off,
    kafka_forgets_at,
)
from dashboards.console.lib import erasers
from ingest.connections import InfluxConnection, load

# A device keeps for ten minutes what it could not send, and the way takes its time.
_STILL_COMES_US = 15 * 60_000_000
_A_CENTURY_DAYS = 36_525
_JOURNAL_WAIT_MS = 3000


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
        of_patient = Assignment.objects.filter(patient__pseudonym=pseudonym)
        worn = list(of_patient.select_related("device", "patient", "bed__ward"))
        _refuse_what_still_comes(pseudonym, worn, is_influx=influx.url is not None)
        is_first = hold_off(pseudonym)
        with transaction.atomic():
            erased = erase_patient(pseudonym)._asdict() | erasers.erase_patient(pseudonym)
            log.write("command line", "erase", subject=pseudonym, **erased)
        self._tell(erased)
        self._points(influx, *map(_span, worn))
        is_known = any(erased.values()) or Patient.objects.filter(pseudonym=pseudonym).exists()
        if is_first and not is_known:
            raise CommandError(f"nothing was known of a patient {pseudonym}")
        self.stdout.write(
            f"Kafka has forgotten it by {kafka_forgets_at():%Y-%m-%d %H:%M} UTC, "
            "where its topics are as `heartward topics apply` makes them."
        )

    def _old(self, days: float, influx: InfluxConnection) -> None:
        if not 0 < days < _A_CENTURY_DAYS:
            raise CommandError("some days are needed, and less than a century")
        before_us = round((time.time() - days * 86_400) * 1e6)
        before = datetime.fromtimestamp(before_us / 1e6, UTC)
        with transaction.atomic():
            erased = erase_before(before_us)._asdict() | erasers.erase_before(before)
            log.write("command line", "erase", subject=f"older than {days:g} d", **erased)
        self._tell(erased)
        self._points(influx, before_us)

    def _tell(self, erased: dict[str, int]) -> None:
        """Say what is gone, once it is: in the files, too."""
        clip_files.sweep(datetime.now(UTC))
        if not _is_journal_empty():
            self.stdout.write("The database is being read: run this again to empty its journal.")
        self.stdout.write(
            "Erased: " + ", ".join(f"{count} {what}" for what, count in erased.items())
        )

    def _points(self, influx: InfluxConnection, *spans: Worn | int) -> None:
        if influx.url is None:
            self.stdout.write("InfluxDB: nothing is erased, for HEARTWARD_INFLUX_URL is not set.")
            return
        for span in spans:
            try:
                if isinstance(span, Worn):
                    erase_worn(influx, span)
                else:
                    erase_older(influx, span)
            except InfluxErasureError as error:
                raise CommandError(f"InfluxDB did not erase: {error}; run this again") from None
            of = span.device_id if isinstance(span, Worn) else "every device"
            self.stdout.write(f"InfluxDB: points of {of} erased, averages too.")


def _refuse_what_still_comes(pseudonym: str, worn: list[Assignment], *, is_influx: bool) -> None:
    now_us = time.time_ns() // 1000
    still = next((a for a in worn if a.until_us is None or a.until_us > now_us), None)
    if still is not None:
        raise CommandError(
            f"{pseudonym} still wears {still.device}, and more would come: discharge first"
        )
    comes_until_us = max((a.until_us for a in worn), default=0) + _STILL_COMES_US
    if is_influx and comes_until_us > now_us:
        raise CommandError(
            f"a device may still send what it kept of {pseudonym}, and InfluxDB would take it: "
            f"erase after {datetime.fromtimestamp(comes_until_us / 1e6, UTC):%H:%M} UTC"
        )


def _span(assignment: Assignment) -> Worn:
    """Until the device was somebody else's, whatever the assignment itself says."""
    later = Assignment.objects.filter(
        device=assignment.device, from_us__gt=assignment.from_us
    ).exclude(patient=assignment.patient)
    others_us = later.aggregate(
        anywhere=Min("from_us"), here=Min("from_us", filter=Q(bed=assignment.bed))
    )
    return Worn(
        device_id=assignment.device.device_id,
        ward=assignment.bed.ward.name,
        bed=assignment.bed.name,
        from_us=assignment.from_us,
        until_us=min(assignment.until_us, others_us["anywhere"] or assignment.until_us),
        next_us=others_us["here"],
    )


def _is_journal_empty() -> bool:
    """SQLite keeps what was changed in a file beside its own; False while somebody reads in that.

    Nobody else can write while this waits, so it does not wait for long.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        return True
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout={_JOURNAL_WAIT_MS}")
        is_busy, *_ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not is_busy
