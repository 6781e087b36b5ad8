"""``heartward shadow``: a candidate beside the model in service, out of results or of files."""

import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from rich.console import Console

from deploy.tables import show_table
from ingest.connections import KafkaConnection
from models.classify import classify_file
from models.contract import Distribution
from models.errors import ModelError, RecordError, SignalError, UserError
from models.predictor import Predictor
from models.registry import Registry
from models.shadow import Agreement, Pair, Shadow, compare
from models.sound_file import sounds_below
from stream_processors.log_ends import ENDS_ARE_TOLD, read_to_end
from stream_processors.records import Finding, WindowResult, decode, identity
from stream_processors.topics import RESULTS

_PATIENCE_S = 30.0
_TIMEOUT_S = 10.0

Names = tuple[str, str]  # what the model in service and the candidate are called
References = Mapping[str, Mapping[str, Distribution]]


def two_models(
    registry: Registry, in_service: str | None, candidate: str | None
) -> tuple[Predictor, Predictor]:
    """The model in service, by default the candidate's default sibling, and the candidate.

    A candidate may be named as the folder that `heartward retrain` wrote.
    """
    if candidate is None:
        raise UserError("--candidate names the model to hold against the one in service: give it")
    if Path(candidate).is_dir():
        (ours, *_) = Registry(Path(candidate)).installed()
    else:
        ours = registry.named(candidate)
    if in_service is not None:
        return registry.named(in_service), ours
    for model in registry.defaults():
        if model.contract.name == ours.contract.name:
            return model, ours
    raise UserError(f"no model {ours.contract.name} is in service: name one by --in-service")


def of_files(
    files: Sequence[Path], in_service: Predictor, candidate: Predictor
) -> tuple[dict[Names, list[Pair]], list[str]]:
    """Every window that both hear, and one line for each file that cannot be used."""
    names = (_name(in_service), _name(candidate))
    grids = [(m.contract.window_s, m.contract.hop_s) for m in (in_service, candidate)]
    if grids[0] != grids[1]:
        raise UserError(f"{names[0]} and {names[1]} cut sound into other windows: {grids}")
    pairs: list[Pair] = []
    refusals = []
    for file in files:
        for path in sounds_below(file) if file.is_dir() else (file,):
            try:
                pairs += _of_file(path, in_service, candidate)
            except UserError as error:
                refusals.append(str(error))
    return {names: pairs}, refusals


def _of_file(path: Path, in_service: Predictor, candidate: Predictor) -> Iterator[Pair]:
    for window in classify_file(path, (in_service, candidate)).windows:
        theirs, ours = window.opinions
        yield Pair(
            place=f"{path.name} at {window.start_s:g} s",
            source=str(path),
            verdict=window.quality.verdict,
            quality_score=window.quality.score,
            in_service=theirs.probabilities,
            candidate=ours.probabilities,
            in_service_distance=theirs.embedding_distance,
            candidate_distance=ours.embedding_distance,
        )


def of_results(results: Iterable[WindowResult]) -> dict[Names, list[Pair]]:
    """Each shadow finding beside the active one of its model, or else of its labels.

    A window that was published twice counts once, as it was published last.
    """
    latest = {identity(result): result for result in results}
    found: defaultdict[Names, list[Pair]] = defaultdict(list)
    for result in latest.values():
        for shadow in (finding for finding in result.findings if finding.shadow):
            active = _partner(shadow, result.findings)
            if active is not None:
                names = (f"{active.model} {active.version}", f"{shadow.model} {shadow.version}")
                found[names].append(_of_result(result, active, shadow))
    return dict(found)


def _partner(shadow: Finding, findings: Sequence[Finding]) -> Finding | None:
    active = [finding for finding in findings if not finding.shadow]
    named = [finding for finding in active if finding.model == shadow.model]
    alike = [each for each in active if each.probabilities.keys() == shadow.probabilities.keys()]
    return next(iter((*named, *alike)), None)


def _of_result(result: WindowResult, active: Finding, shadow: Finding) -> Pair:
    at = datetime.fromtimestamp(result.start_us / 1e6, UTC).isoformat(timespec="milliseconds")
    return Pair(
        place=f"{result.device_id} at {at}",
        source=result.device_id,
        verdict=result.quality.verdict,
        quality_score=result.quality.score,
        in_service=active.probabilities,
        candidate=shadow.probabilities,
        in_service_distance=active.embedding_distance,
        candidate_distance=shadow.embedding_distance,
    )


def recorded(
    kafka: KafkaConnection, *, hours: float, timeout_s: float = _TIMEOUT_S
) -> Iterator[WindowResult]:
    """Results of the last hours, by the window's own time; what cannot be read is passed by.

    Raises
    ------
    UserError
        When Kafka does not answer in time, or the topic is not there.
    """
    since_us = time.time_ns() // 1000 - round(hours * 3.6e9)
    consumer = Consumer(
        kafka.confluent()
        | ENDS_ARE_TOLD
        | {"group.id": "heartward-shadow", "enable.auto.commit": False}
    )
    try:
        topic = consumer.list_topics(RESULTS.name, timeout=timeout_s).topics[RESULTS.name]
        if topic.error is not None:
            raise UserError(f"Kafka {kafka.address} has no topic {RESULTS.name}: did a worker run?")
        starts = [TopicPartition(RESULTS.name, n, OFFSET_BEGINNING) for n in topic.partitions]
        for message in read_to_end(consumer, starts, patience_s=_PATIENCE_S):
            try:
                result = decode(WindowResult, message.value() or b"")
            except RecordError:
                continue
            if result.start_us >= since_us:
                yield result
    except KafkaException as error:
        raise UserError(f"Kafka {kafka.address} cannot be read: {error.args[0].str()}") from None
    finally:
        consumer.close()


def references(registry: Registry, names: Iterable[str]) -> References:
    """What each model's probabilities were like, as far as the model is installed here."""
    found: dict[str, Mapping[str, Distribution]] = {}
    for name in names:
        model, version = name.rsplit(" ", 1)
        try:
            found[name] = registry.load(model, version).contract.reference
        except ModelError:
            continue
    return found


def show_results(
    kafka: KafkaConnection, registry: Registry, *, hours: float, as_json: bool
) -> None:
    """Compare what the ward's workers have published."""
    pairs = of_results(recorded(kafka, hours=hours))
    _show(pairs, references(registry, {name for both in pairs for name in both}), as_json=as_json)


def show_files(
    files: Sequence[Path], in_service: Predictor, candidate: Predictor, *, as_json: bool
) -> int:
    """Compare what both say of recordings; returns 1 where one of them could not be used."""
    pairs, refusals = of_files(files, in_service, candidate)
    both = {_name(model): model.contract.reference for model in (in_service, candidate)}
    _show(pairs, both, as_json=as_json)
    for refusal in refusals:
        sys.stderr.write(f"{refusal}\n")
    return 1 if refusals else 0


def _show(pairs: Mapping[Names, Sequence[Pair]], known: References, *, as_json: bool) -> None:
    """Print one comparison a line, or tables of each.

    Raises
    ------
    UserError
        If there is nothing to compare.
    """
    if not any(pairs.values()):
        raise UserError(
            "no window was heard by a model in service and by one in shadow: start one with "
            "heartward models choose NAME-VERSION --role shadow, or name files and --candidate"
        )
    for names, own in pairs.items():
        try:
            found = compare(*names, own, known)
        except SignalError as error:
            raise UserError(str(error)) from None
        if as_json:
            print(msgspec.json.encode(found).decode())  # noqa: T201 (for a pipe)
        else:
            _tables(found)


def _tables(found: Shadow) -> None:
    say = Console().print
    say(
        f"{found.candidate} beside {found.in_service}: {found.windows} windows of "
        f"{found.sources} sources, mean distance {found.mean_distance:.3f}",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    agreements = {"all": found.agreement, **found.by_verdict}
    show_table(
        ("Signal", "Windows", "Agree", "Kappa"),
        [(name, own.windows, _share(own), _kappa(own)) for name, own in agreements.items()],
    )
    say()
    show_table(
        ("Label", f"Only {found.in_service}", f"Only {found.candidate}", "McNemar p"),
        [
            (it.label, it.only_in_service, it.only_candidate, f"{it.p_value:.3g}")
            for it in found.labels
        ],
    )
    drifts = [
        (name, quantity, f"{own.stability_index:.3f}", own.verdict)
        for name, of_model in found.drifts.items()
        for quantity, own in of_model.items()
    ]
    if drifts:
        say()
        show_table(("Model", "Against its validation", "Stability index", ""), drifts)
    say()
    show_table(
        ("Largest differences", "In service", "Candidate", "Signal"),
        [(it.place, it.in_service, it.candidate, it.verdict) for it in found.largest],
    )


def _share(own: Agreement) -> str:
    return f"{own.agreed / own.windows:.1%}"


def _kappa(own: Agreement) -> str:
    return "" if own.kappa is None else f"{own.kappa:.2f}"


def _name(model: Predictor) -> str:
    return f"{model.contract.name} {model.contract.version}"
