"""Two consoles at once on one PostgreSQL; prints what came of it as JSON."""

import json
import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.console_settings")

import django

django.setup()

from django.core.management import call_command  # noqa: E402 (the settings first)
from django.db import connection  # noqa: E402

from dashboards.console.admissions import desk  # noqa: E402
from dashboards.console.admissions.models import Assignment  # noqa: E402
from dashboards.console.outbox.models import Outgoing  # noqa: E402
from stream_processors import records  # noqa: E402
from stream_processors.records import decode  # noqa: E402

ROUNDS = 25


def at_once(*what: Callable[[], Any]) -> list[str]:
    """Run them side by side; what each refused, in one line."""
    start, refused = threading.Barrier(len(what)), []

    def run(one: Callable[[], Any]) -> None:
        start.wait()
        try:
            one()
        except desk.AdmissionError as error:
            refused.append(str(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(one,)) for one in what]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refused


def main() -> None:
    call_command("migrate", verbosity=0)
    doubled = reopened = 0
    for turn in range(ROUNDS):
        place = {"device_id": f"dev-{turn}", "ward": f"ward-{turn}"}
        at_once(
            partial(desk.assign, pseudonym=f"p-{turn}", bed="1", **place),
            partial(desk.assign, pseudonym=f"q-{turn}", bed="2", **place),
        )
        open_ones = Assignment.objects.filter(device__device_id=f"dev-{turn}", until_us=None)
        doubled += open_ones.count() != 1
        worn = Assignment.objects.get(pk=open_ones[0].pk)
        at_once(
            partial(desk.change_limits, worn, {"tachycardia_bpm": 150.0}, "carl"),
            partial(desk.discharge, Assignment.objects.get(pk=worn.pk)),
        )
        reopened += _last_told_is_open(worn.assignment_id)
    print(json.dumps({"doubled": doubled, "reopened": reopened}))


def _last_told_is_open(assignment_id: str) -> bool:
    last = Outgoing.objects.filter(key=assignment_id.encode()).order_by("id").last()
    return last is not None and decode(records.Assignment, bytes(last.value)).until_us is None


if __name__ == "__main__":
    main()
