"""A name that nothing bears is refused; it would be passed over without a word."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from models.errors import ConfigurationError
from tests.unit.training import two_tones
from training.datasets.catalogue import CATALOGUE
from training.datasets.recordings import rows
from training.engine import parts, recipe_files


@pytest.fixture
def place(tmp_path: Path) -> Path:
    two_tones.write(tmp_path)
    return tmp_path


CONCUR = {"data__exclusive": False}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data__without": ("CDA",)}, "data.without names 'CDA', which is no label or diagnosis"),
        ({"data__without": ("cad",)}, "(did you mean CAD?): known are AD, AR, AS, "),
        ({"data__without": ("hihg",)}, "(did you mean high?)"),
        (
            {"data__without": ("xyz",)},
            "'xyz', which is no label or diagnosis of a data set: known are",
        ),
        ({"data__middle_s": {"circor": 9.0}}, "data.middle_s names 'circor', which is no data set"),
        ({"data__middle_s": {"circor": 9.0}}, "(did you mean circor2022?): known are bmdhs, "),
        ({"data__labels": ("low", "hihg")} | CONCUR, "data.labels names 'hihg'"),
        ({"data__rename": {"high": "lwo"}} | CONCUR, "data.rename names 'lwo'"),
        ({"data__rename": {"high": "low|lwo"}} | CONCUR, "data.rename names 'lwo'"),
        ({"data__rename": {"hihg": "low"}} | CONCUR, "data.rename names 'hihg'"),
    ],
)
def test_a_misspelt_name_is_refused_with_what_is_known_and_what_is_nearest(
    place: Path, change: Mapping[str, Any], said: str
) -> None:
    told = two_tones.recipe(place, **change)
    with pytest.raises(ConfigurationError) as error:
        parts.parts(told, 0)
    assert said in str(error.value)
    assert str(error.value).startswith("tones: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        {"data__without": ("CAD", "Normal: NHC", "extrastole", "high"), "data__labels": ("low",)},
        {"data__middle_s": {"circor2022": 10.0}},
        {"data__labels": ("deep", "high"), "data__rename": {"low": "deep"}} | CONCUR,
        {"data__rename": {"rumbling, as the night shift says": "low"}} | CONCUR,
    ],
)
def test_what_another_set_knows_or_a_recipe_itself_is_no_mistake(
    place: Path, change: Mapping[str, Any]
) -> None:
    assert parts.parts(two_tones.recipe(place, **change), 0).train


def test_a_set_of_ones_own_may_be_cut_by_its_folders_name(place: Path) -> None:
    told = two_tones.recipe(place, data__middle_s={place.name: 1.0})
    assert parts.parts(told, 0).train
    wrong = two_tones.recipe(place, data__middle_s={f"{place.name}x": 1.0})
    with pytest.raises(ConfigurationError, match=f"did you mean {place.name}"):
        parts.parts(wrong, 0)


def test_no_label_that_excludes_others_is_misspelt_without_a_word(place: Path) -> None:
    told = two_tones.recipe(place, data__labels=("low", "hihg"))
    with pytest.raises(ConfigurationError, match="is called high, and the recipe's labels are"):
        parts.parts(told, 0)


@pytest.mark.parametrize("exclusive", [True, False])
@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({"data__without": ("low",)}, "low"),
        ({"data__rename": {"high": "low"}}, "high"),
        ({"data__labels": ("low", "high", "MR")}, "MR"),
    ],
)
def test_a_label_that_nothing_is_learnt_of_is_refused(
    place: Path, change: Mapping[str, Any], label: str, exclusive: bool
) -> None:
    told = two_tones.recipe(place, **change, data__exclusive=exclusive)
    with pytest.raises(ConfigurationError, match=f"no recording that is {label} to learn from"):
        parts.parts(told, 0)


@pytest.mark.parametrize("name", ["physionet2016", "yaseen2018"])
def test_the_catalogue_lists_every_label_and_diagnosis_of_the_committed_tables(
    tmp_path: Path, name: str
) -> None:
    table = rows(tmp_path / name)
    entry = CATALOGUE[name]
    assert {row["label"] for row in table} == {*entry.labels}
    assert {row.get("diagnosis", "") for row in table} - {""} == {*entry.diagnoses}


def test_the_recipes_that_ship_name_nothing_that_their_catalogue_does_not_know() -> None:
    for name in recipe_files.names():
        data = recipe_files.load(recipe_files.find(name)).data
        words = {w for each in CATALOGUE.values() for w in (*each.labels, *each.diagnoses)}
        assert {*data.without, *data.rename, *data.labels} <= words, name
        assert {*data.middle_s, *data.whole} <= {*CATALOGUE}, name
