"""Encrypt every identity with the newest key: ``python -m dashboards.console.manage reseal``."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from dashboards.console.admissions.identity import IdentityError, resealed
from dashboards.console.admissions.models import Patient


class Command(BaseCommand):
    help = "Encrypt every identity with the newest key, so that older keys can be thrown away"

    def handle(self, *_: Any, **__: Any) -> None:
        numbers = Patient.objects.filter(sealed_identity__isnull=False).values_list("pk", flat=True)
        lost = [number for number in list(numbers) if not _reseal(number)]
        self.stdout.write(f"{len(numbers) - len(lost)} identities are sealed with the newest key.")
        if lost:
            names = Patient.objects.filter(pk__in=lost[:10]).values_list("pseudonym", flat=True)
            raise CommandError(
                f"of {len(lost)} the key is not there, and they stay as they are: "
                + ", ".join(names)
            )


@transaction.atomic
def _reseal(number: int) -> bool:
    """False where no key fits; somebody may store another identity at the same time."""
    patient = Patient.objects.select_for_update().get(pk=number)
    if patient.sealed_identity is None:
        return True
    try:
        patient.sealed_identity = resealed(patient.sealed_identity)
    except IdentityError:
        return False
    patient.save(update_fields=["sealed_identity"])
    return True
