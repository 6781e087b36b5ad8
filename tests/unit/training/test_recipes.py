from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from models.errors import ConfigurationError
from tests.unit.training import two_tones
from training import splits
from training.datasets.catalogue import load
from training.engine import parts, recipe_files
from training.engine.recipe import Recipe


@pytest.fixture
def real_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEARTWARD_DATA", raising=False)
    try:
        for name in ("physionet2016", "circor2022"):
            load(name)
    except ConfigurationError:
        pytest.skip("../shared/data is not here")


@pytest.mark.parametrize("name", recipe_files.names())
def test_every_recipe_that_ships_can_be_read_built_and_written_again(name: str) -> None:
    told = recipe_files.load(recipe_files.find(name))
    assert told.name == name
    again = recipe_files.convert(msgspec.toml.decode(recipe_files.to_toml(told)), name)
    assert again == told
    assert again.sha256() == told.sha256()
    parts.folds(told)
    if "resnext101" not in name:  # 87 million random numbers each
        told.build()
    for changed in told.search:
        table, _, _ = changed.partition(".")
        assert table in Recipe.__struct_fields__


def test_each_work_has_a_recipe_for_each_of_its_rows() -> None:
    works = [recipe_files.load(recipe_files.find(name)).work for name in recipe_files.names()]
    counts = Counter(work for work in works if work != "ours")
    assert counts == {"A": 3, "B": 1, "C": 9, "D": 3, "E": 15}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[training]\nepoch = 3\n", "unknown field `epoch` - at `$.training`"),
        ("[contract.filter]\nlow = 3\n", "unknown field `low`"),
        ("[augmentation]\nmix = 3\n", "unknown field `mix` - at `$.augmentation`"),
        ("strange = 1\n", "unknown field `strange`"),
        ("[front_end]\nhop = 1\n", "unknown field `hop` - at `$.front_end`"),
        ("[training]\nepochs = 0\n", "training.epochs = 0"),
        ("[training]\nepochs = 'x'\n", "$.training.epochs"),
        ("[contract]\nsample_rate_hz = 999\nwindow_s = 0.5\n", "contract.window_s"),
        ("[contract]\nsample_rate_hz = 1000\n", "differ"),
        ("[contract.filter]\nhigh_hz = 1500.0\n", "contract.filter"),
        ("[augmentation]\nstretch = [1.2, 0.8]\n", "augmentation.stretch"),
        ("[data]\nlabels = ['normal', 'normal']\n", "repeat"),
        ("[search]\nx = { low = 2, high = 1 }\n", "low and high that rise"),
        ("[search]\nx = { low = 0.0, high = 1.0, log = true }\n", "logarithm"),
        ("name = '../x'\n", "name = '../x'"),
        ("name = ''\n", "name = ''"),
        ("[data.middle_s]\nphysionet2016 = -1.0\n", "data.middle_s.physionet2016 = -1"),
        ("[optimiser]\nlearning_rate = -1.0\n", "optimiser.learning_rate = -1"),
        ("[optimiser]\nlearning_rate = nan\n", "optimiser.learning_rate = nan"),
        ("[optimiser]\nweight_decay = -1.0\n", "optimiser.weight_decay = -1"),
        ("[optimiser]\nclip_norm = inf\n", "optimiser.clip_norm = inf"),
        ("[optimiser]\nmomentum = 1.0\n", "optimiser.momentum = 1"),
        ("[schedule]\nwarm_up = 1.0\n", "schedule.warm_up = 1"),
        ("[schedule]\nevery_epochs = 0\n", "schedule.every_epochs = 0"),
        ("[schedule]\nfactor = -0.5\n", "schedule.factor = -0.5"),
        ("[training]\npatience = -1\n", "training.patience = -1"),
        ("[training]\nseed = -1\n", "training.seed = -1"),
        ("[sampling]\nwindows_per_epoch = -1\n", "sampling.windows_per_epoch = -1"),
        ("[contract.scaling]\ntarget = 0.0\n", "contract.scaling.target = 0"),
        ("[contract.scaling]\nclip = 0.0\n", "contract.scaling.clip = 0"),
        ("[augmentation]\nequaliser_db = -1.0\n", "augmentation.equaliser_db = -1"),
        ("[augmentation]\nmasks = -1\n", "augmentation.masks = -1"),
        ("[states]\nblock = -1\n", "states.block = -1"),
        ("[pruning]\nshare = 2.0\n", "pruning.share = 2"),
        ("[pruning]\nshare = 0.5\nepochs = 0\n", "pruning.epochs = 0"),
        ("[quantisation]\nlearning_rate = 0.0\n", "quantisation.learning_rate = 0"),
        ("[distillation]\nteachers = []\n", "distillation.teachers is empty"),
        ("[distillation]\nteachers = ['x']\nweight = 2.0\n", "distillation.weight = 2"),
        ("[distillation]\nteachers = ['x']\ntemperature = 0.0\n", "distillation.temperature = 0"),
        ("[training\n", "is no TOML"),
        ("base = 3\n", "no file's name"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_that_names_it(
    tmp_path: Path, text: str, said: str
) -> None:
    own = tmp_path / "own.toml"
    base = "" if text.startswith("base") else f'base = "{recipe_files.find("ours")}"\n'
    own.write_text(base + text)
    with pytest.raises(ConfigurationError) as error:
        recipe_files.load(own)
    assert said in str(error.value)
    assert "\n" not in str(error.value)
    assert str(own) in str(error.value)


def test_a_recipe_says_only_what_differs_from_its_base(tmp_path: Path) -> None:
    base = recipe_files.load(recipe_files.find("ours"))
    own = tmp_path / "own.toml"
    own.write_text(f'base = "{recipe_files.find("ours")}"\n[training]\nepochs = 2\n')
    assert recipe_files.load(own) == recipe_files.changed(base, {"training.epochs": 2})


def test_a_table_of_another_kind_replaces_its_base_whole(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        f'base = "{recipe_files.find("ours-valve")}"\n'
        '[front_end]\nkind = "spectrogram"\n[architecture]\nname = "gru"\n'
    )
    told = recipe_files.load(own)
    # The base's 48 bands would be refused.
    assert "bands" not in msgspec.to_builtins(told.front_end)
    assert told.data.protocols == ("yaseen2018-5-fold",)


def test_a_base_is_a_file_beside_it_or_else_one_that_ships(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('base = "ours.toml"\n[training]\nepochs = 2\n')
    shipped = recipe_files.load(recipe_files.find("ours"))
    assert recipe_files.load(own) == recipe_files.changed(shipped, {"training.epochs": 2})
    (tmp_path / "ours.toml").write_text(
        recipe_files.to_toml(shipped).replace('name = "ours"', 'name = "mine"', 1)
    )
    assert recipe_files.load(own).name == "mine"
    own.write_text('base = "nowhere.toml"\n')
    with pytest.raises(ConfigurationError, match=r"own.toml: its base nowhere.toml is neither"):
        recipe_files.load(own)


def test_a_recipe_that_is_its_own_base_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('base = "b.toml"\n')
    (tmp_path / "b.toml").write_text('base = "a.toml"\n')
    with pytest.raises(ConfigurationError, match="its own base"):
        recipe_files.load(tmp_path / "a.toml")


def test_a_recipe_that_is_nowhere_is_answered_with_those_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"no recipe 'our-valve'.* such as ours-valve,"):
        recipe_files.find("our-valve")
    with pytest.raises(ConfigurationError, match=r" such as a-efficientnet-v2-s,"):
        recipe_files.find("")


@pytest.mark.parametrize(
    ("change", "said"),
    [({"training.epoch": 1}, "epoch"), ({"sampling.kind.x": 1}, "no table kind")],
)
def test_a_change_of_what_is_not_there_is_refused(change: dict[str, Any], said: str) -> None:
    told = recipe_files.load(recipe_files.find("ours"))
    with pytest.raises(ConfigurationError, match=said):
        recipe_files.changed(told, change)


def test_work_a_hears_what_its_code_says() -> None:
    told = recipe_files.load(recipe_files.find("a-mobilenet-v3-small"))
    picture = told.build().front(torch.randn(1, told.contract.window_samples))
    assert picture.shape == (1, 1, 128, 63)
    assert (picture.min().item(), picture.max().item()) == (0, 1)


def test_work_e_hears_300_frames() -> None:
    told = recipe_files.load(recipe_files.find("e-vgg16-log-mel"))
    assert told.front_end.frames(told.contract.window_samples) == 300


def test_protocols_of_other_numbers_of_folds_do_not_go_together() -> None:
    told = recipe_files.load(recipe_files.find("ours"))
    mixed = recipe_files.changed(told, {"data.protocols": ["physionet2016", "circor2022-5-fold"]})
    with pytest.raises(ConfigurationError, match="physionet2016 1, circor2022-5-fold 5"):
        parts.folds(mixed)
    unknown = recipe_files.changed(told, {"data.protocols": ["physionet"]})
    with pytest.raises(ConfigurationError, match="'physionet' is not one of"):
        parts.folds(unknown)


@pytest.mark.usefixtures("real_data")
def test_both_sets_are_divided_by_the_same_fold() -> None:
    told = recipe_files.load(recipe_files.find("ours-circor2022"))
    found = parts.parts(told, 3)
    expected = [splits.turns(splits.protocol_named(name))[3] for name in told.data.protocols]
    assert {record.path for _, record in found.test} == {p for t in expected for p in t.test}
    people = [{(d.name, r.subject) for d, r in part} for part in found[2:5]]
    assert not people[0] & people[1]
    assert not (people[0] | people[1]) & people[2]


def test_what_nobody_can_judge_is_trained_on_and_judges_nothing(tmp_path: Path) -> None:
    two_tones.write(tmp_path)
    either = {"high": "middle|high"}
    told = two_tones.recipe(tmp_path, data__labels=("low", "middle", "high"), data__rename=either)
    found = parts.parts(told, 0)
    assert {record.label for _, record in found.train} == {"low", "high"}
    assert {record.label for _, record in found.validation} == {"low"}
    one_left = {"data__without": ("high",), "data__labels": ("low",)}
    without = parts.parts(two_tones.recipe(tmp_path, **one_left), 0)
    assert {record.label for _, record in (*without.train, *without.validation)} == {"low"}


@pytest.mark.usefixtures("real_data")
def test_a_search_hears_no_test_and_judges_each_subject_once() -> None:
    told = recipe_files.load(recipe_files.find("ours"))
    outer = parts.parts(told, 0)
    tested = {record.path for _, record in outer.test}
    judged: list[str] = []
    for inner in range(3):
        found = parts.for_search(told, 0, inner, 3)
        train = {record.subject for _, record in found.train}
        own = {record.subject for _, record in found.validation}
        assert not train & own
        assert not tested & {record.path for _, record in (*found.train, *found.validation)}
        assert len({record.database for _, record in found.validation}) == 6
        judged += [record.path for _, record in found.validation]
    assert sorted(judged) == sorted(r.path for _, r in (*outer.train, *outer.validation))


def test_a_quick_try_has_few_files_of_every_label(tmp_path: Path) -> None:
    two_tones.write(tmp_path, of_each=12)
    found = parts.parts(two_tones.recipe(tmp_path), 0, max_files=8)
    assert [record.label for _, record in found.train].count("low") == 4
    assert (len(found.train), len(found.validation)) == (8, 2)
    assert found == parts.parts(two_tones.recipe(tmp_path), 0, max_files=8)
