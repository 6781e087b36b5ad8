"""The study as tables."""

from collections.abc import Mapping, Sequence

from tests.benchmarks import report
from tests.benchmarks.alarm_study.figures import Bounded, Group
from tests.benchmarks.alarm_study.rules import WITHIN_S, Measured

_HEADS = (
    "rule",
    "ring, clean",
    "noisy",
    "alarms/h, clean",
    "noisy",
    f"in {WITHIN_S:.0f} s, clean",
    "noisy",
    "median delay, s",
)


def tried(rules: Sequence[Measured], chosen: Measured) -> None:
    """All k of n at the chosen probability, and all probabilities at the chosen k of n."""
    own = chosen.point
    at = [it for it in rules if it.point.probability == own.probability]
    near = [it for it in rules if (it.point.k, it.point.n) == (own.k, own.n)]
    of = [it for it in near if round(100 * abs(it.point.probability - own.probability)) % 9 == 0]
    title = "The finding alone, people of the validation part; normal ring, abnormal in time"
    report.table(title, _HEADS, [_row(it, chosen) for it in (*at, *of)])


def judged(limits: str, groups: Mapping[str, Group]) -> None:
    """What the whole rule set did to people of the test part."""
    report.table(
        f"All rules, people of the test part; {limits}. Rates that the marks bear out count apart",
        (
            "",
            "people",
            "good",
            "ever ring",
            "with those",
            "alarms/h",
            f"in {WITHIN_S:.0f} s",
            "by a finding",
            "delay, s",
        ),
        [
            (
                name,
                own.people,
                f"{own.good_windows:.0%}",
                _percent(own.ring),
                f"{own.ring_at_all:.1%}",
                f"{own.per_hour.value:.2f} ({own.per_hour.low:.2f}-{own.per_hour.high:.2f})",
                _percent(own.in_time),
                _percent(own.by_finding_in_time),
                f"{own.delay_s:.0f}",
            )
            for name, own in groups.items()
        ],
    )
    conditions = sorted({name for own in groups.values() for name in own.by_condition})
    report.table(
        "People who had an alarm of each condition",
        ("", *conditions),
        [
            (name, *(own.by_condition.get(each, 0) for each in conditions))
            for name, own in groups.items()
        ],
    )


def heard_of(groups: Mapping[str, Group]) -> None:
    """Who of the abnormal is alarmed in time: a disease need not be audible."""
    abnormal = {name: own for name, own in groups.items() if name.startswith("abnormal")}
    kinds = sorted({has for own in abnormal.values() for has in own.in_time_by_what_they_have})
    report.table(
        f"Abnormal people alarmed within {WITHIN_S:.0f} s, by database and diagnosis",
        ("", *abnormal),
        [(has, *(_of(own, has) for own in abnormal.values())) for has in kinds],
    )


def _of(group: Group, has: str) -> str:
    told, everyone = group.in_time_by_what_they_have.get(has, (0, 0))
    return f"{told} of {everyone}"


def _row(of: Measured, chosen: Measured) -> tuple[str, ...]:
    mark = "* " if of is chosen else ""
    return (
        f"{mark}{of.point}",
        f"{of.ring_clean:.1%}",
        f"{of.ring_noisy:.1%}",
        f"{of.per_hour_clean:.2f}",
        f"{of.per_hour_noisy:.2f}",
        f"{of.in_time_clean:.1%}",
        f"{of.in_time_noisy:.1%}",
        f"{of.delay_s:.1f}",
    )


def _percent(of: Bounded) -> str:
    return f"{of.value:.1%} ({100 * of.low:.0f}-{100 * of.high:.0f})"
