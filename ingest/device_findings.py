"""What is found about a rule of the wire.

A rule is *kept* or *broken* by evidence, and *not shown* while nothing happened that would tell:
nobody can see how a device answers a lost ack before one is lost.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from ingest.device_log import BootLog, WatchLog


class Verdict(StrEnum):
    """In order of weight: of several boots the gravest counts."""

    NOT_SHOWN = "not shown"
    KEPT = "kept"
    BROKEN = "broken"


class Finding(NamedTuple):
    rule: str
    verdict: Verdict
    evidence: str


Judgement = tuple[Verdict, str]
Rule = Callable[[WatchLog, int], Judgement]
BootRule = Callable[[BootLog, int], Judgement]


def kept(evidence: str) -> Judgement:
    return Verdict.KEPT, evidence


def broken(evidence: str) -> Judgement:
    return Verdict.BROKEN, evidence


def not_shown(evidence: str) -> Judgement:
    return Verdict.NOT_SHOWN, evidence


NO_SOUND = not_shown("no chunk heard")
_WEIGHT = list(Verdict)


def each_boot(judge: BootRule) -> Rule:
    def judge_all(log: WatchLog, now_us: int) -> Judgement:
        judgements = [judge(boot, now_us) for boot in log.heard_boots()]
        # Of equals the latest boot is the one that the maker has before him.
        return max(reversed(judgements), key=lambda each: _WEIGHT.index(each[0]), default=NO_SOUND)

    return judge_all


def some(wrong: list[str]) -> str:
    return wrong[0] if len(wrong) == 1 else f"{wrong[0]} (and {len(wrong) - 1} more)"
