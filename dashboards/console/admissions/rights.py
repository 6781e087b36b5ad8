"""Which devices somebody sees, and which devices and patients they may take from where they are."""

import time
from typing import Any

from dashboards.console.admissions.models import Device, current
from dashboards.console.people.access import Access, Role


def may_take(access: Access, device_id: str, pseudonym: str) -> bool:
    """Nobody takes either from a ward in which nothing was granted to them."""
    in_force = current(time.time_ns() // 1000)
    taken = in_force.filter(device__device_id=device_id) | in_force.filter(
        patient__pseudonym=pseudonym
    )
    return all(access.may(Role.NURSE, assignment.bed.ward.name) for assignment in taken)


def seen_devices(access: Access) -> Any:
    """Devices of the wards that may be seen; those on no bed are for who may assign them."""
    devices = Device.objects.all()
    wards = access.wards(Role.VIEWER)
    if wards is None:
        return devices
    in_force = current(time.time_ns() // 1000)
    if access.may(Role.NURSE, None):
        elsewhere = in_force.exclude(bed__ward__name__in=list(wards))
        return devices.exclude(pk__in=elsewhere.values("device_id"))
    here = in_force.filter(bed__ward__name__in=list(wards))
    return devices.filter(pk__in=here.values("device_id"))
