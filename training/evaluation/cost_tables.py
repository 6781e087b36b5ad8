"""Cost and deployment tiers, beside what the literature says, for the comparison's page."""

import math
from collections.abc import Sequence

from training.evaluation.collected import Row
from training.evaluation.cost import Cost
from training.evaluation.literature import Result, literature
from training.evaluation.markdown_table import DASH, count, number, table
from training.evaluation.tiers import TIERS, patients_per_core, tier_of

_ABOUT = """\
## Cost

Of the ONNX file, waveform to probabilities: scaling and front end included, one thread, pinned to \
one core, each file in a process of its own. Operations are two per multiply-accumulate of \
convolutions, products and recurrences, counted from the graph. Memory is the most that the \
process held, one window at a time, above the runtime at work on an empty graph.
"""
_RULE = """\
## Where they can run

The rule: one patient needs a window every hop of the contract. A model fits a tier if the memory \
measured above the runtime and the operations a second to keep up with one patient are both within \
the tier's limits; its tier is the smallest that it fits. Patients by core is the hop over the \
time of one window in the quickest batch, if the core does nothing else. The UAR is the best that \
the model has anywhere in this page where nobody is on both sides, of an artifact what it tells of \
itself: data sets differ, so it ranks nothing.
"""


def cost_tables(costs: Sequence[Cost], rows: Sequence[Row]) -> str:
    if not costs:
        return "## Cost\n\nnot run: no measured cost in this folder (`heartward evaluate FILE`).\n"
    batches = sorted({each.batch for cost in costs for each in cost.latency})
    heads = (
        "model",
        "parameters",
        "MFLOP a window",
        "file, MB",
        "memory, MB",
        *(f"ms, batch {batch}: mean ± deviation (least to most)" for batch in batches),
    )
    ours = [_cells(cost, batches) for cost in costs]
    theirs = [_published(result, batches) for result in _with_cost()]
    return "\n".join([_ABOUT, table(heads, [*ours, *theirs]), _RULE, _tiers(costs, rows)])


def _cells(cost: Cost, batches: Sequence[int]) -> list[str]:
    known = {each.batch: each for each in cost.latency}
    times = [
        f"{own.mean_ms:.2f} ± {own.deviation_ms:.2f} ({own.least_ms:.2f} to {own.most_ms:.2f})"
        if (own := known.get(batch))
        else DASH
        for batch in batches
    ]
    missed = f" (without {', '.join(cost.operations.uncounted)})" * bool(cost.operations.uncounted)
    return [
        f"{cost.model} {cost.version}",
        count(cost.operations.parameters),
        f"{cost.operations.flops / 1e6:.1f}{missed}",
        f"{cost.size_bytes / 1e6:.2f}",
        f"{cost.own_mb:.1f}",
        *times,
    ]


def _with_cost() -> list[Result]:
    return [result for result in literature().result if result.latency_ms]


def _published(result: Result, batches: Sequence[int]) -> list[str]:
    size, int8 = result.size_mb, result.int8_mb
    said = [
        f"work {result.work}: {result.model}, a ready-made picture of 2 s",
        DASH if result.parameters_m is None else f"{result.parameters_m:g} M",
        "not given",
        DASH if size is None else f"{size:g}" + (f"; int8 {int8:g}" if int8 else ""),
        DASH if result.memory_mb is None else f"{result.memory_mb:g}",
        *(
            f"{result.latency_ms[str(batch)]:g}" if str(batch) in result.latency_ms else DASH
            for batch in batches
        ),
    ]
    return [f"*{cell}*" for cell in said]


def _tiers(costs: Sequence[Cost], rows: Sequence[Row]) -> str:
    best = _best_uar(rows)
    said = []
    for tier in TIERS:
        own = [cost for cost in costs if tier_of(cost) == tier]
        limits = f"{tier.memory_mb:g} MB, {tier.million_operations_per_s:g} million a second"
        said += [
            (
                tier.name,
                limits,
                f"{cost.model} {cost.version}",
                f"{cost.own_mb:.1f} MB, {cost.flops_per_s / 1e6:.1f} million",
                f"{patients_per_core(cost):,.0f}",
                number(best.get(cost.model, math.nan) if cost.told_uar is None else cost.told_uar),
            )
            for cost in own
        ] or [(tier.name, limits, "none measured", DASH, DASH, DASH)]
    heads = ("tier", "at most", "model", "takes", "patients by core", "UAR, best honest section")
    return table(heads, said)


def _best_uar(rows: Sequence[Row]) -> dict[str, float]:
    """By name, for nets whose cost was measured untrained: it depends on no version's weights."""
    found: dict[str, float] = {}
    for row in rows:
        if not row.found.leaks:
            model, uar = row.run.model, row.found.metrics["uar"].value
            found[model] = max(found.get(model, 0.0), uar)
    return found
