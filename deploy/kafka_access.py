"""Who may do what in Kafka: one user a process, and what each may read and write.

Whoever could write `pcg.alarm-actions` or `pcg.assignments` could silence an alarm or swap
patients: so only the console may.
"""

import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from ingest.connections import KafkaConnection
from ingest.kafka_contact import require_kafka
from models.errors import UserError
from stream_processors import topics as t

_TIMEOUT_S = 15.0
_ITERATIONS = 8192
_PASSWORD_BYTES = 32


class Access(NamedTuple):
    """What a process may; `groups` are names that its consumer groups begin with."""

    user: str
    reads: tuple[t.Topic, ...] = ()
    writes: tuple[t.Topic, ...] = ()
    groups: tuple[str, ...] = ()


# Whoever reads a topic whole joins no group, but the library asks for one by this name.
_READER = "heartward-reader"
_SAID_BY_ALL = (t.HEARTBEATS, t.DEAD_LETTERS)
_SHOWN = (t.RESULTS, t.ALARMS, t.ALARM_STATE, t.STATUS, t.DEVICE_STATS, t.HEARTBEATS)

ACCESS = (
    Access(
        "bridge",
        reads=(t.HEARTBEATS,),
        writes=(t.AUDIO, t.AUDIO_HISTORY, t.STATUS, t.DEVICE_STATS, *_SAID_BY_ALL),
        groups=(_READER,),
    ),
    Access(
        "worker",
        reads=(t.AUDIO, t.AUDIO_HISTORY, t.ASSIGNMENTS, t.MODELS),
        writes=(t.RESULTS, *_SAID_BY_ALL),
        groups=("heartward-audio", _READER),
    ),
    Access(
        "alarms",
        reads=(
            t.RESULTS,
            t.STATUS,
            t.DEVICE_STATS,
            t.ALARM_ACTIONS,
            t.ALARM_STATE,
            t.ASSIGNMENTS,
            t.HEARTBEATS,
        ),
        writes=(t.ALARMS, t.ALARM_STATE, *_SAID_BY_ALL),
        groups=("heartward-alarms", "heartward-alarm-states", _READER),
    ),
    Access(
        "influx",
        reads=(t.RESULTS, t.ALARMS, t.DEVICE_STATS, t.STATUS, t.HEARTBEATS),
        writes=_SAID_BY_ALL,
        groups=("heartward-influx",),
    ),
    Access("drift", reads=(t.RESULTS,), groups=("heartward-records",)),
    Access(
        "console",
        reads=(*_SHOWN, t.ASSIGNMENTS, t.MODELS, t.AUDIO, t.AUDIO_HISTORY, t.ALARM_ACTIONS),
        writes=(t.ASSIGNMENTS, t.ALARM_ACTIONS, t.MODELS, *_SAID_BY_ALL),
        groups=("heartward-console", _READER, "heartward-records"),
    ),
)


def password_file(folder: Path, user: str) -> Path:
    """Where a process finds its password."""
    return folder / f"kafka-{user}"


def passwords(folder: Path) -> dict[str, str]:
    """Each user's password from its file; a file that is missing is made.

    Raises
    ------
    UserError
        If the folder cannot be used.
    """
    found = {}
    for access in ACCESS:
        file = password_file(folder, access.user)
        try:
            if not file.exists():
                file.touch(mode=0o600)
                file.write_text(secrets.token_urlsafe(_PASSWORD_BYTES) + "\n")
            found[access.user] = file.read_text().partition("\n")[0].strip()
        except OSError as error:
            raise UserError(f"{file} cannot be used: {error.strerror}") from None
        if not found[access.user]:
            raise UserError(f"{file} has no password in its first line")
    return found


def bindings() -> list[AclBinding]:
    """Every permission; what is not among them is refused."""
    return [binding for access in ACCESS for binding in _of(access)]


def apply(kafka: KafkaConnection, given: Mapping[str, str], *, dry_run: bool = False) -> list[Any]:
    """Make users and permissions, and take away those of our users that are no longer meant.

    Returns
    -------
    list of tuple
        Of each user: its name, how many permissions it was given, and how many were taken.

    Raises
    ------
    UserError
        When Kafka does not answer, or does not let us.
    """
    require_kafka(kafka)
    admin = AdminClient(kafka.confluent())
    try:
        there = _present(admin)
        if not dry_run:
            _make_users(admin, given)
        rows = []
        for access in ACCESS:
            wanted, found = _described(_of(access)), _described(there.get(access.user, ()))
            rows.append((access.user, len(wanted - found), len(found - wanted)))
            if not dry_run:
                missing = [b for b in _of(access) if _key(b) not in found]
                stale = [b for b in there.get(access.user, ()) if _key(b) not in wanted]
                _settle(admin.create_acls(missing) if missing else {})
                _settle(admin.delete_acls([_filter(b) for b in stale]) if stale else {})
    except KafkaException as error:
        raise UserError(
            f"Kafka {kafka.address} refuses: {error.args[0].str()}; this needs its administrator, "
            "and a broker with an authorizer"
        ) from None
    return rows


def _of(access: Access) -> Iterator[AclBinding]:
    for topic in access.reads:
        yield _allow(access.user, ResourceType.TOPIC, topic.name, AclOperation.READ)
    for topic in access.writes:
        yield _allow(access.user, ResourceType.TOPIC, topic.name, AclOperation.WRITE)
    for group in access.groups:
        yield _allow(
            access.user,
            ResourceType.GROUP,
            group,
            AclOperation.READ,
            pattern=ResourcePatternType.PREFIXED,
        )


def _allow(
    user: str,
    kind: ResourceType,
    name: str,
    operation: AclOperation,
    pattern: ResourcePatternType = ResourcePatternType.LITERAL,
) -> AclBinding:
    return AclBinding(kind, name, pattern, f"User:{user}", "*", operation, AclPermissionType.ALLOW)


def _filter(binding: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        binding.restype,
        binding.name,
        binding.resource_pattern_type,
        binding.principal,
        binding.host,
        binding.operation,
        binding.permission_type,
    )


def _present(admin: AdminClient) -> dict[str, list[AclBinding]]:
    """What our users may now."""
    anything = AclBindingFilter(
        ResourceType.ANY,
        None,
        ResourcePatternType.ANY,
        None,
        None,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    found: dict[str, list[AclBinding]] = {}
    for binding in admin.describe_acls(anything, request_timeout=_TIMEOUT_S).result(_TIMEOUT_S):
        found.setdefault(binding.principal.removeprefix("User:"), []).append(binding)
    return found


def _make_users(admin: AdminClient, given: Mapping[str, str]) -> None:
    credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS)
    upserts = [
        UserScramCredentialUpsertion(user, credential, password.encode())
        for user, password in given.items()
    ]
    if upserts:
        _settle(admin.alter_user_scram_credentials(upserts, request_timeout=_TIMEOUT_S))


def _settle(futures: Mapping[Any, Any]) -> None:
    for future in futures.values():
        future.result(_TIMEOUT_S)


def _key(binding: AclBinding) -> tuple[Any, ...]:
    return (
        binding.restype,
        binding.name,
        binding.resource_pattern_type,
        binding.operation,
        binding.permission_type,
        binding.host,
    )


def _described(given: Any) -> set[tuple[Any, ...]]:
    return {_key(binding) for binding in given}
