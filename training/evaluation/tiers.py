"""Where a model can run: tiers of memory and operations a second, by what we measured.

The rule. One patient needs a window every hop of the contract (2.5 s for the pipeline). A model
fits a tier if (1) the memory that it was measured to take above the bare runtime, one window at a
time, and (2) the operations a second that it takes to keep up with one patient, both lie within
the tier's limits; its tier is the smallest that it fits. Each tier has eight times the memory and
ten times the operations of the one before; the smallest is what a microcontroller with external
memory gives to one task. The best of a tier is the one with the highest UAR by an honest protocol
among those whose tier it is or is larger than, so that a small net that wins is the answer
everywhere.
"""

import msgspec

from training.evaluation.cost import Cost


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    memory_mb: float
    million_operations_per_s: float

    def holds(self, cost: Cost) -> bool:
        return (
            cost.own_mb <= self.memory_mb
            and cost.flops_per_s / 1e6 <= self.million_operations_per_s
        )


TIERS = (
    Tier(name="wearable", memory_mb=8, million_operations_per_s=20),
    Tier(name="phone", memory_mb=64, million_operations_per_s=200),
    Tier(name="gateway", memory_mb=512, million_operations_per_s=2_000),
    Tier(name="server", memory_mb=4096, million_operations_per_s=20_000),
)


def tier_of(cost: Cost) -> Tier | None:
    """The smallest that it fits; None where it fits none."""
    return next((tier for tier in TIERS if tier.holds(cost)), None)


def patients_per_core(cost: Cost) -> float:
    """How many patients' windows one core classifies in time, if it does nothing else.

    From the batch that is quickest per window.
    """
    quickest_ms = min(each.per_window_ms for each in cost.latency)
    return cost.hop_s / (quickest_ms / 1e3)
