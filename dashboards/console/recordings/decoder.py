"""The worker that opens uploaded files: ``python -m dashboards.console.recordings.decoder NICE``.

It takes an `Order` a line on its standard input and reports on its standard output. It knows no
database, no settings and no secrets, and may take only so much memory; whoever started it ends it
when it takes too long. It ends by itself when its input does.
"""

import os
import resource
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from dashboards.console.recordings import limits, orders
from dashboards.console.recordings.picture_data import heard_of, pictures_of, wav_of
from dashboards.console.recordings.saliency import explain
from dashboards.console.recordings.sound_source import read
from dashboards.console.recordings.stored import Answer, Explanation
from models.answer import answer_of
from models.classify import classify
from models.errors import HeartwardError
from models.predictor import SEGMENT, Predictor
from models.registry import Registry

_Say = Callable[[str], None]


def main() -> None:
    _bound(int(sys.argv[1]))
    output = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not be taken for a report
    models = Registry().installed()
    _write(output, orders.Stage(words="ready"))
    for line in sys.stdin.buffer:
        order = msgspec.json.decode(line, type=orders.Order)
        report = carry_out(order, models, lambda words: _write(output, orders.Stage(words=words)))
        _write(output, report)


def carry_out(
    order: orders.Order, models: Sequence[Predictor], say: _Say
) -> orders.Done | orders.Refused:
    """Do as ordered; a recording that cannot be used is a `Refused`, and no error."""
    try:
        if order.task == "explain":
            _explain(order, models, say)
        else:
            _classify(order, models, say)
    except HeartwardError as error:
        return orders.Refused(reason=str(error))
    except MemoryError:
        return orders.Refused(reason=f"{order.name} takes more memory than a recording may")
    return orders.Done()


def _classify(order: orders.Order, models: Sequence[Predictor], say: _Say) -> None:
    folder = Path(order.folder)
    say("decoding")
    samples, sample_rate_hz = read(folder / order.main, order.kind, name=order.name)
    say("listening")
    result = classify(samples, sample_rate_hz, models, name=order.name)
    answer = Answer(
        file=answer_of(result),
        sample_rate_hz=sample_rate_hz,
        window_s={m.contract.name: m.contract.window_s for m in models if _judges(m)},
    )
    say("drawing")
    heard = heard_of(samples, sample_rate_hz)
    (folder / orders.PICTURES).write_bytes(
        msgspec.json.encode(pictures_of(samples, sample_rate_hz, heard))
    )
    (folder / orders.HEARD).write_bytes(wav_of(heard))
    (folder / orders.ANSWER).write_bytes(msgspec.json.encode(answer))


def _explain(order: orders.Order, models: Sequence[Predictor], say: _Say) -> None:
    folder = Path(order.folder)
    say("decoding")
    samples, sample_rate_hz = read(folder / order.main, order.kind, name=order.name)
    say("asking what mattered")
    result = classify(samples, sample_rate_hz, models, name=order.name)
    maps = explain(samples, sample_rate_hz, result, models)
    (folder / orders.SALIENCY).write_bytes(msgspec.json.encode(Explanation(maps=maps)))


def _judges(model: Predictor) -> bool:
    return model.contract.task != SEGMENT


def _bound(niceness: int) -> None:
    for what, most in (
        (resource.RLIMIT_AS, limits.MOST_WORKER_BYTES),
        (resource.RLIMIT_FSIZE, limits.MOST_WRITTEN_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    os.nice(niceness)


def _write(output: object, report: orders.Report) -> None:
    output.write(msgspec.json.encode(report) + b"\n")  # type: ignore[attr-defined]
    output.flush()  # type: ignore[attr-defined]


if __name__ == "__main__":
    main()
