"""A card calls those whom it was tested on what they are."""

import re

import msgspec
import pytest

from models.registry import ARTIFACTS, Entry, read_manifest
from tests.unit.training.evaluation import made
from training import splits
from training.datasets import catalogue
from training.evaluation.summary import evaluate
from training.shipping import card
from training.shipping.figures import Figures

_TESTED = re.compile(
    r"### (?P<title>.+)\n\n\d+ recordings of \d+ (?P<people>[^;]+); .*\(`(?P<key>.+)` in the file"
)


def section(data_set: str) -> str:
    run = msgspec.structs.replace(made.RUN, data_set=data_set, protocol=f"{data_set}-5-fold")
    told = made.predictions([0.2, 0.3, 0.7, 0.8], [0, 0, 1, 1], run=run)
    return card._protocol(Figures(run.protocol, run, evaluate([told], draws=10)))


def test_clips_of_sources_are_of_source_groups_and_others_of_subjects() -> None:
    clips, people = section("yaseen2018"), section("circor2022")
    assert clips.startswith("### yaseen2018, 5 folds, source groups kept apart\n")
    assert "4 recordings of 4 source groups (`yaseen2018-5-fold` in the file)" in clips
    assert "| label | recordings of source groups |" in clips
    assert "subjects" not in clips
    assert people == clips.replace("source groups", "subjects").replace("yaseen2018", "circor2022")


@pytest.mark.parametrize(
    ("sets", "people"),
    [
        (["yaseen2018"], "source groups"),
        (["physionet2016", "circor2022", "recordings/of-mine"], "subjects"),
        (["yaseen2018", "circor2022"], "subjects or source groups"),
    ],
)
def test_of_several_sets_they_are_either(sets: list[str], people: str) -> None:
    assert catalogue.people_of(sets) == people


@pytest.mark.parametrize("entry", read_manifest(ARTIFACTS).models, ids=lambda entry: entry.card)
def test_cards_that_ship_call_them_as_the_code_does(entry: Entry) -> None:
    text = (ARTIFACTS / entry.card).read_text()
    tested = list(_TESTED.finditer(text))
    assert len(tested) == text.count("\n### ")
    for found in tested:
        protocol = splits.protocol_named(found["key"])
        assert found["title"] == protocol.title
        assert found["people"] == catalogue.people_of([protocol.data_set])
