"""False alarms, sensitivity and delay of the whole rule set, on people that nothing has heard.

    python -m tests.benchmarks.alarm_study runs/ours-circor2022/fold-0-seed-1 [...]

Each run is a fold of `heartward train`; the people that it held back are heard by its net alone,
through the ward's filter, quality, segmentation and alarm rules. The run's validation part chooses
how many of how many windows raise, and from which probability on; its test part judges that. About
ten minutes a fold on one core, and seconds once `--heard` has what was heard. Writes JSON and PNG.
"""

from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import torch
import typer
from msgspec.structs import replace
from rich.progress import track

from models.predictor import OnnxPredictor
from models.registry import Registry
from stream_processors.running_models import RunningModel
from tests.benchmarks import report
from tests.benchmarks.alarm_study import choice, figures, hearing, pictures, tables, ward
from tests.benchmarks.alarm_study.figures import Group
from tests.benchmarks.alarm_study.hearing import Stream
from tests.benchmarks.alarm_study.marks import marked_bpm
from tests.benchmarks.alarm_study.people import NOISES, Person, disturbed, noise, people, stream
from tests.benchmarks.alarm_study.rules import Point, measured, points, said
from training import export
from training.datasets import catalogue
from training.datasets.states import states
from training.engine.parts import Owned
from training.shipping import listening, origin, scale, trained
from training.shipping.trained import Trained
from training.splits.parts import Part

_SEED = 11
_HEARD = "heard.msgpack"
_PARTS: tuple[Part, ...] = ("validation", "test")


def main(
    runs: Annotated[list[Path] | None, typer.Argument(help="Finished runs, one a fold.")] = None,
    out: Annotated[Path, typer.Option(help="Where the files go.")] = Path("runs/alarm-study"),
    heard: Annotated[
        list[Path] | None, typer.Option(help="What earlier studies heard, of a fold each.")
    ] = None,
    max_people: Annotated[int | None, typer.Option(help="Of each part, for a quick try.")] = None,
) -> None:
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    if not heard:
        streams = [it for run in trained.load_all(runs or ()) for it in _hear(run, max_people)]
        hearing.write(streams, out / _HEARD)
    else:
        streams = [stream for file in heard for stream in hearing.read(file)]
    _show(streams, out)


def _hear(run: Trained, max_people: int | None) -> list[Stream]:
    models = [RunningModel(_predictor(run), shadow=False)]
    models.append(RunningModel(Registry().segmenter(), shadow=False))
    marked = {name: states(catalogue.load(name)) for name in run.listed["test"]}
    added = {kind: noise(kind) for kind in NOISES}
    found = []
    for part in _PARTS:
        beds = _some(people(_held_back(run, part)), max_people)
        draw = np.random.default_rng(_SEED)
        for number, person in enumerate(track(beds, f"hearing {run.folder.name}, {part}")):
            kind = list(NOISES)[number % len(NOISES)]
            bpm = marked_bpm(person, marked[person.data_set.name])
            who = Stream(
                person.name, person.age_group, person.abnormal, part, "clean", (), bpm, person.has
            )
            clean = stream(person)
            noisy = disturbed(clean, added[kind], draw)
            found.append(replace(who, windows=hearing.told(clean, models)))
            found.append(replace(who, noise=kind, windows=hearing.told(noisy, models)))
    return found


def _some(beds: list[Person], at_most: int | None) -> list[Person]:
    """As many, from among all alike."""
    return beds[:: max(1, len(beds) // at_most)][:at_most] if at_most else beds


def _held_back(run: Trained, part: Part) -> list[Owned]:
    """Of the data sets that the run's protocols divide; of others nobody is tested."""
    return [(data, each) for data, each in run.owned(part) if data.name in run.listed["test"]]


def _predictor(run: Trained) -> OnnxPredictor:
    """The fold's net as `heartward export` makes it: at the scale of its validation part."""
    judged = listening.judged(run, "validation")
    by = scale.fit(judged, exclusive=run.recipe.data.exclusive)
    names = origin.Names("screen", run.recipe.version(), "screen", "To be measured.")
    return OnnxPredictor(export.export(run.net, origin.contract([run], names), at=by))


def _show(streams: list[Stream], out: Path) -> None:
    choosing = [said(it) for it in streams if it.part == "validation"]
    tried = [measured(choosing, point) for point in track(points(), "trying rules")]
    best = choice.chosen(tried)
    tables.tried(tried, best)
    judging = [it for it in streams if it.part == "test"]
    built_in, own = _judged(judging, None), _judged(judging, best.point)
    tables.judged("the limits built in", built_in)
    tables.judged(f"chosen on the validation part: {best.point}", own)
    tables.heard_of(own)
    best_share = figures.ceiling([said(it) for it in judging if not it.noisy])
    typer.echo(f"by the mean over ten minutes the model tells {best_share:.1%} from 95 % of normal")
    typer.echo("keeps" if choice.keeps(best) else "DOES NOT keep its aims where it was chosen")
    pictures.operating_curve(tried, best, out / "operating-curve.png")
    pictures.ringing(own, out / "ringing.png")
    found = {"tried": tried, "built_in": built_in, "chosen": own, "ceiling": best_share}
    report.save("alarm_study", msgspec.to_builtins(found), out)


def _judged(streams: list[Stream], point: Point | None) -> dict[str, Group]:
    raised = ward.raised(streams, point)
    groups = {}
    for abnormal in (False, True):
        for noisy in (False, True):
            chosen = [
                (stream, alarms)
                for stream, alarms in zip(streams, raised, strict=True)
                if (stream.abnormal, stream.noisy) == (abnormal, noisy)
            ]
            name = f"{'abnormal' if abnormal else 'normal'}, {'noisy' if noisy else 'clean'}"
            groups[name] = figures.group([it[0] for it in chosen], [it[1] for it in chosen])
    return groups


if __name__ == "__main__":
    typer.run(main)
