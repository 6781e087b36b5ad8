"""Judge what a disturbed ward has published against what an undisturbed one would have."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice

from stream_processors.records import Finding, WindowResult, identity
from tests import influxql
from tests.chaos.harness import Published
from tests.chaos.reference import Expected, Identity
from tests.servers import InfluxDb

# The runtime may choose another kernel for another size of batch.
_SAME_PROBABILITY = 1e-6
_EXAMPLES = 20


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Counts of windows; `lost`, `different` and `gapped` are promised to be none.

    Attributes
    ----------
    gapped
        Windows of which no version is whole, although all of their sound is stored.
    duplicates
        Results beyond the first of each window and lane.
    late
        Windows that came over the history lane.
    """

    expected: int
    lost: int
    different: int
    gapped: int
    results: int
    duplicates: int
    late: int
    examples: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        return {key: value for key, value in asdict(self).items() if key != "examples"}


def judge(expected: Mapping[Identity, Expected], published: Sequence[Published]) -> Verdict:
    versions: dict[Identity, list[WindowResult]] = {}
    for _, result in published:
        versions.setdefault(identity(result), []).append(result)
    whole = {
        window: [result for result in versions.get(window, ()) if result.gap_fraction == 0]
        for window in expected
    }
    problems = {
        window: found
        for window, results in whole.items()
        if (found := [p for r in results for p in differences(expected[window], r)])
    }
    lost = [window for window in expected if window not in versions]
    gapped = [window for window in expected if window in versions and not whole[window]]
    return Verdict(
        expected=len(expected),
        lost=len(lost),
        different=len(problems),
        gapped=len(gapped),
        results=len(published),
        duplicates=sum(map(_repeats, versions.values())),
        late=sum(any(result.late for result in results) for results in versions.values()),
        examples=tuple(
            islice(
                chain(
                    (f"{window} is lost" for window in lost),
                    (f"{window}: {'; '.join(found)}" for window, found in problems.items()),
                    (f"{w} lacks {versions[w][-1].gap_fraction:.0%}" for w in gapped),
                ),
                _EXAMPLES,
            )
        ),
    )


def differences(expected: Expected, result: WindowResult) -> list[str]:
    """In what a whole window is not as it should be; stage times may differ."""
    found = []
    if result.start_us != expected.start_us:
        found.append(f"begins {result.start_us - expected.start_us} us later")
    if result.quality != expected.quality:
        found.append(f"{result.quality}, not {expected.quality}")
    if result.strip != expected.strip:
        found.append("another strip")
    if len(result.findings) != len(expected.findings):
        return [*found, f"{len(result.findings)} findings, not {len(expected.findings)}"]
    pairs = zip(result.findings, expected.findings, strict=True)
    return [*found, *(f"{said}, not {wanted}" for said, wanted in pairs if not same(said, wanted))]


def same(one: Finding, other: Finding) -> bool:
    """Alike but for what the size of the batch may change in the last digits."""
    labels = one.probabilities.keys()
    if labels != other.probabilities.keys():
        return False
    off = max(abs(one.probabilities[label] - other.probabilities[label]) for label in labels)
    return off <= _SAME_PROBABILITY and (one.model, one.version, one.abstained, one.shadow) == (
        other.model,
        other.version,
        other.abstained,
        other.shadow,
    )


def recovery_s(published: Iterable[Published], disturbed_us: int) -> float | None:
    """Until every device had a result of sound that was received after the disturbance began.

    None while there is a device that has none.
    """
    served: dict[str, int] = {}
    devices = set()
    for published_us, result in published:
        devices.add(result.device_id)
        if result.stages.received_us > disturbed_us and not result.late:
            earlier = served.get(result.device_id, published_us)
            served[result.device_id] = min(published_us, earlier)
    return (max(served.values()) - disturbed_us) / 1e6 if devices == served.keys() else None


def points_per_window(database: InfluxDb, prefix: str) -> Counter[Identity]:
    """How many points each window of the devices whose ids begin so has, for the active models."""
    rows = influxql.rows(
        database,
        f"SELECT boot_id, window_index FROM heart WHERE device =~ /^{prefix}/ "  # noqa: S608
        "GROUP BY device, model",
    )
    return Counter((row["device"], row["boot_id"], row["window_index"]) for row in rows)


def _repeats(versions: Sequence[WindowResult]) -> int:
    lanes = Counter(result.late for result in versions)
    return sum(number - 1 for number in lanes.values())
