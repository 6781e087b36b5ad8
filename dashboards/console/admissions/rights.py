"""Whether somebody may take a device or a patient from where it is."""

import time

from dashboards.console.admissions.models import current
from dashboards.console.people.access import Access, Role


def may_take(access: Access, device_id: str, pseudonym: str) -> bool:
    """Nobody takes either from a ward in which nothing was granted to them."""
    in_force = current(time.time_ns() // 1000)
    taken = in_force.filter(device__device_id=device_id) | in_force.filter(
        patient__pseudonym=pseudonym
    )
    return all(access.may(Role.NURSE, assignment.bed.ward.name) for assignment in taken)
