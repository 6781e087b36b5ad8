"""Print what the score of quality is worth, and keep it as JSON, Markdown and a picture.

    python -m training.quality.report [--output FOLDER]

Seeded: the same data gives the same figures. It takes some minutes.
"""

from pathlib import Path
from typing import Annotated

import matplotlib as mpl
import msgspec
import typer
from matplotlib.figure import Figure

from models.verdict import GOOD_FROM
from training.datasets import physionet2016
from training.quality.figures import AtRatio, Figures, figures
from training.quality.learning import SEED, material

mpl.use("agg")


def main(
    output: Annotated[Path, typer.Option(help="Where the files go.")] = Path("runs/quality"),
) -> None:
    """Measure on held-out subjects, and write ``quality.json``, ``.md`` and ``.png``."""
    data = physionet2016.load()
    found = figures(data, material(data))
    output.mkdir(parents=True, exist_ok=True)
    (output / "quality.json").write_bytes(msgspec.json.format(msgspec.json.encode(found)))
    (output / "quality.md").write_text(page(found), encoding="utf-8")
    picture(found).savefig(output / "quality.png", dpi=120)
    typer.echo(page(found))


def page(found: Figures) -> str:
    """The figures as Markdown."""
    by_database = ", ".join(f"{name} {value:.3f}" for name, value in found.auc_by_database.items())
    noise = "\n".join(_row(each) for each in found.noise)
    kinds = list(found.noise[-1].not_good_by_noise)
    each_kind = "\n".join(
        f"| {kind} | "
        + " | ".join(f"{each.not_good_by_noise[kind]:.2f}" for each in found.noise[1:])
        + " |"
        for kind in kinds
    )
    ratios = " | ".join(f"{each.snr_db:g} dB" for each in found.noise[1:])
    return f"""# Signal quality

Protocol: {found.protocol}; seed {SEED}. {found.recordings} recordings, of which the organisers call
{found.unclear} unsure. Every score is given by a model that learnt from other subjects, of a
recording as the mean over its windows.

| figure | value |
|---|---|
| AUC for the organisers' signal_quality | {found.auc:.3f} |
| mean AUC within databases | {found.auc_within_databases:.3f} ({by_database}) |
| AUC of the database's name alone | {found.auc_of_the_databases_name:.3f} |
| all clear windows: share judged good | {found.clear_good:.3f} |
| calibration error (ECE, 10 bins), recordings | {found.ece:.3f} |
| the same, windows | {found.ece_windows:.3f} |

## Noise mixed into clear windows of held-out subjects

Ratios are of powers in 25-400 Hz over the window; the noise is the half that nothing was learnt
from. Good is a score from {GOOD_FROM:g}. Of {100 * found.rises:.1f} % of the windows the score
rises by more than 0.1 anywhere on the way from no noise to -10 dB.

| ratio | windows | mean score | not good | cause named |
|---|---|---|---|---|
{noise}

Not good, by noise:

| noise | {ratios} |
|---|{"---|" * (len(found.noise) - 1)}
{each_kind}
"""


def _row(each: AtRatio) -> str:
    ratio = "no noise" if each.snr_db is None else f"{each.snr_db:g} dB"
    named = "-" if each.named is None else f"{each.named:.2f}"
    return f"| {ratio} | {each.windows} | {each.mean_score:.3f} | {each.not_good:.3f} | {named} |"


def picture(found: Figures) -> Figure:
    """Reliability of the score, and the score against the ratio of the noise."""
    figure = Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color="grey", linewidth=1)
    left.plot(
        [each.score for each in found.reliability],
        [each.clear for each in found.reliability],
        marker="o",
    )
    for each in found.reliability:
        left.annotate(str(each.recordings), (each.score, each.clear), fontsize=8)
    left.set(
        xlabel="score",
        ylabel="share that annotators call clear",
        title=f"Reliability, ECE {found.ece:.3f} (recordings in each bin)",
    )
    mixed = [each for each in found.noise if each.snr_db is not None]
    right.plot([each.snr_db for each in mixed], [each.mean_score for each in mixed], marker="o")
    right.plot(
        [each.snr_db for each in mixed], [each.not_good for each in mixed], marker="s", ls="--"
    )
    right.legend(["mean score", "share not good"])
    right.set(xlabel="signal to noise, dB", ylim=(0, 1), title="Noise mixed in")
    return figure


if __name__ == "__main__":
    typer.run(main)
