"""Who may do what with which recording.

A recording in a ward is the ward's: viewers see it, nurses upload, clinicians listen, export and
delete, and who uploaded it may do all that with it as long as they belong to the ward. One without
a ward is its owner's alone, and of administrators of every ward.
"""

from typing import Any

from django.db.models import Q

from dashboards.console.admissions.models import Ward
from dashboards.console.people.access import Access, Role
from dashboards.console.people.models import access_of
from dashboards.console.recordings.models import Examination, Recording


def seen_by(user: Any) -> Any:
    """All recordings that a user may look at."""
    access = access_of(user)
    if access.highest is None:
        return Recording.objects.none()
    if access.may_everywhere(Role.ADMIN):
        return Recording.objects.all()
    wards = access.wards(Role.VIEWER)
    own = Q(ward="", owner=user)
    if wards is None:
        return Recording.objects.filter(own | ~Q(ward=""))
    return Recording.objects.filter(own | Q(ward__in=[ward for ward in wards if ward]))


def exported_by(user: Any) -> Any:
    """All recordings that a user may take out of the console as a table."""
    wards = access_of(user).wards(Role.CLINICIAN)
    if wards is None:
        return seen_by(user)
    return seen_by(user).filter(Q(owner=user) | Q(ward__in=[ward for ward in wards if ward]))


def may_upload(access: Access, ward: str) -> bool:
    """Into a ward that there is; or, where it is empty, for oneself."""
    if not ward:
        return access.highest is not None and access.highest >= Role.NURSE
    return ward in upload_wards(access)


def upload_wards(access: Access) -> list[str]:
    """Wards into which something may be uploaded."""
    names = Ward.objects.values_list("name", flat=True)
    known = set(names) | {ward for ward in access.roles if ward}
    return sorted(ward for ward in known if access.may(Role.NURSE, ward))


def may_delete(user: Any, recording: Recording | Examination) -> bool:
    access = access_of(user)
    if not recording.ward:
        return recording.owner_id == user.pk or access.may_everywhere(Role.ADMIN)
    if recording.owner_id == user.pk:
        return access.may(Role.NURSE, recording.ward)
    return access.may(Role.CLINICIAN, recording.ward)


def may_listen(user: Any, recording: Recording) -> bool:
    """To the filtered sound, in which no words are to be understood."""
    access = access_of(user)
    if recording.owner_id == user.pk:
        return not recording.ward or access.may(Role.VIEWER, recording.ward)
    return access.may(Role.CLINICIAN, recording.ward or None)


def may_listen_raw(user: Any, recording: Recording) -> bool:
    """To the sound as it was uploaded, and have the file itself."""
    access = access_of(user)
    if recording.owner_id == user.pk:
        return not recording.ward or access.may(Role.NURSE, recording.ward)
    return access.may_listen_raw(recording.ward or None)
