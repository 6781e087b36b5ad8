"""Creates the topics of `topics.py` and says what there is; it never changes one that exists."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from kafka.admin import KafkaAdminClient
from kafka.errors import (
    AuthorizationError,
    InvalidReplicationFactorError,
    KafkaError,
    TopicAlreadyExistsError,
)

from ingest.connections import KafkaConnection
from ingest.kafka_contact import require_kafka
from models.errors import UserError
from stream_processors.topics import ALL, AUDIO, Topic

# Divides evenly among one, two, three or six workers; at 3000 devices a partition carries 500 of
# them, and every further partition costs each fetch of each worker a little.
DEFAULT_PARTITIONS = 6

_TIMEOUT_MS = 10_000


class Outcome(NamedTuple):
    """What became of one topic; `note` says what is not as it was asked for."""

    topic: str
    partitions: int
    action: Literal["created", "kept"]
    note: str = ""


class _Found(NamedTuple):
    """A topic that exists; `copies` of the partition that has fewest."""

    partitions: int
    copies: int


def apply_topics(
    kafka: KafkaConnection, *, partitions: int | None = None, replication: int = 1
) -> list[Outcome]:
    """Create the topics that are missing.

    Parameters
    ----------
    partitions
        Of the topics that are joined by device, which must all have the same number; None: as
        many as those that exist already, or `DEFAULT_PARTITIONS`.
    replication
        Copies of each partition; a cluster that shall outlive a broker needs 3.

    Raises
    ------
    UserError
        When Kafka does not answer or refuses a topic.
    """
    with _admin(kafka) as admin:
        existing = _describe(admin)
        joined = partitions or _joined_partitions(existing) or DEFAULT_PARTITIONS
        outcomes = []
        for topic in ALL:
            wanted = topic.partitions or joined
            found = existing.get(topic.name)
            if found is None and _create(admin, kafka, topic, wanted, replication):
                outcomes.append(Outcome(topic.name, wanted, "created"))
            else:
                asked = _Found(wanted, replication)
                outcomes.append(_kept(topic, found or asked, asked))
    return outcomes


def describe(kafka: KafkaConnection) -> dict[str, int]:
    """Partitions of each of our topics that exists; raises `UserError` when Kafka is away."""
    with _admin(kafka) as admin:
        return {name: found.partitions for name, found in _describe(admin).items()}


def brokers_away(kafka: KafkaConnection) -> list[int]:
    """Numbers of the brokers whose copy of a partition of ours is not there or is behind.

    Raises
    ------
    UserError
        When Kafka does not answer.
    """
    require_kafka(kafka)
    # kafka-python leaves a socket open where a broker is away; this one says nothing of it.
    admin = AdminClient(kafka.confluent() | {"log_level": 0})
    try:
        known = admin.list_topics(timeout=_TIMEOUT_MS / 1000).topics
    except KafkaException as error:
        raise UserError(f"Kafka {kafka.address}: {error.args[0].str()}: look at its log") from None
    partitions = (p for t in ALL if t.name in known for p in known[t.name].partitions.values())
    return sorted({broker for p in partitions for broker in set(p.replicas) - set(p.isrs)})


def check_topics(kafka: KafkaConnection) -> str:
    """Say in one line that all is there.

    Raises
    ------
    UserError
        When Kafka does not answer, topics are missing, or joined topics differ in partitions.
    """
    found = describe(kafka)
    missing = [topic.name for topic in ALL if topic.name not in found]
    if missing:
        raise UserError(
            f"Kafka {kafka.address} lacks the topics {', '.join(missing)}: create them with "
            "`heartward topics apply`"
        )
    joined = {topic.name: found[topic.name] for topic in ALL if topic.partitions is None}
    if len(set(joined.values())) > 1:
        counts = ", ".join(f"{name} {partitions}" for name, partitions in joined.items())
        raise UserError(
            f"joined topics of Kafka {kafka.address} differ in partitions ({counts}): delete "
            "those that are wrong and run `heartward topics apply`"
        )
    return f"{kafka.address} has all {len(ALL)} topics, {found[AUDIO.name]} partitions of sound"


def _kept(topic: Topic, found: _Found, asked: _Found) -> Outcome:
    notes = []
    if found.partitions != asked.partitions:
        notes.append(
            f"has {found.partitions} partitions, not {asked.partitions}: more would send devices "
            "to other partitions than their past, so delete the topic first"
        )
    if found.copies < asked.copies:
        notes.append(
            f"has {found.copies} replicas, not {asked.copies}: add them with Kafka's own "
            "kafka-reassign-partitions.sh"
        )
    return Outcome(topic.name, found.partitions, "kept", "; ".join(notes))


def _joined_partitions(existing: Mapping[str, _Found]) -> int | None:
    return max(
        (
            existing[topic.name].partitions
            for topic in ALL
            if not topic.partitions and topic.name in existing
        ),
        default=None,
    )


def _describe(admin: Any) -> dict[str, _Found]:
    names = {topic.name for topic in ALL} & set(admin.list_topics())
    described = admin.describe_topics(sorted(names)) if names else ()
    return {
        topic["name"]: _Found(
            len(topic["partitions"]),
            min((len(part["replica_nodes"]) for part in topic["partitions"]), default=0),
        )
        for topic in described
    }


def _create(
    admin: Any, kafka: KafkaConnection, topic: Topic, partitions: int, replication: int
) -> bool:
    """Create one topic; False when somebody else was faster."""
    new = {
        "num_partitions": partitions,
        "replication_factor": replication,
        "configs": topic.config(),
    }
    try:
        admin.create_topics({topic.name: new}, wait_for_metadata=True)
    except TopicAlreadyExistsError:
        return False
    except KafkaError as error:
        raise UserError(
            f"Kafka {kafka.address} does not create topic {topic.name} with {partitions} "
            f"partitions and {replication} replicas ({_reason(error)}): {_remedy(error)}"
        ) from None
    return True


@contextmanager
def _admin(kafka: KafkaConnection) -> Iterator[Any]:
    # kafka-python tries a broker that refuses it over and over, past every time limit.
    require_kafka(kafka)
    try:
        admin = KafkaAdminClient(
            **kafka.python_clients(),
            client_id="heartward-topics",
            bootstrap_timeout_ms=_TIMEOUT_MS,
            request_timeout_ms=_TIMEOUT_MS,
        )
    except (KafkaError, OSError, ValueError) as error:
        raise UserError(
            f"Kafka {kafka.address} cannot be used ({_reason(error)}): look at its log"
        ) from None
    try:
        yield admin
    except KafkaError as error:
        raise UserError(f"Kafka {kafka.address}: {_reason(error)}: look at its log") from None
    finally:
        admin.close()


def _remedy(error: Exception) -> str:
    match error:
        case InvalidReplicationFactorError():
            return "give no more copies than there are brokers, with --replication"
        case AuthorizationError():
            return "let this user create topics, in the broker's ACL"
        case _:
            return "look at its log"


def _reason(error: Exception) -> str:
    """The broker's own words where it gave some, without the request that they answer."""
    text = str(error)
    quoted = text.partition("error_message='")[2].partition("'")[0]
    return quoted or text.partition(": Request ")[0].partition("\n")[0]
