"""Profiles and the notebooks' parameter cells agree both ways; everything else is refused."""

import json

import pytest

from ecghelpers.run import parameter_files, slurm, steps
from ecghelpers.run.notebook import _value as value_of
from ecghelpers.run.notebook_cells import fingerprint, notebook_parameters

CELLS = {step.notebook: notebook_parameters(step.path) for step in steps.WITH_NOTEBOOK}
KNOWN = {key for cell in CELLS.values() for key in cell} - parameter_files.RUN_TIME
NAMES = parameter_files.profile_names()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty parameters/ folder."""
    monkeypatch.setattr(parameter_files, "PARAMETERS", tmp_path)
    return tmp_path


def test_the_profiles_are_there():
    assert {"smoke", "quick", "paper"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_key_of_a_profile_stands_in_a_notebook_and_the_other_way_round(name):
    keys = set(parameter_files.read_yaml(parameter_files.PARAMETERS / f"{name}.yaml")) - {"models"}
    assert keys - KNOWN == set(), "no notebook knows these"
    assert KNOWN - keys == set(), "the profile leaves these out"


def test_the_notebooks_own_values_are_those_of_quick():
    quick = parameter_files.read_yaml(parameter_files.PARAMETERS / "quick.yaml")
    for name, cell in CELLS.items():
        for key in set(cell) - parameter_files.RUN_TIME:
            assert cell[key] == quick[key], f"{key} in {name}"


def test_a_key_has_one_type_in_all_notebooks():
    for key in KNOWN:
        types = {type(cell[key]) for cell in CELLS.values() if key in cell}
        assert len(types) == 1, key


@pytest.mark.parametrize("name", NAMES)
def test_each_notebook_gets_what_it_knows_and_nothing_else(name):
    settings = parameter_files.load(name, ["qt", "pr"])
    for notebook, by_target in settings["notebooks"].items():
        assert set(by_target) == {"", "qt", "pr"}
        for values in by_target.values():
            assert set(values) == set(CELLS[notebook]) - parameter_files.RUN_TIME


def test_a_targets_file_wins_over_the_profile(folder):
    (folder / "quick.yaml").write_text("epochs: 3\nmodels: 2\n")
    (folder / "qt.yaml").write_text("epochs: 5\n")
    settings = parameter_files.load("quick", ["qt", "pr"])
    training = settings["notebooks"]["02_train"]
    assert [training[target]["epochs"] for target in ("", "qt", "pr")] == [3, 5, 3]
    assert settings["models"] == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epoch: 3", "unknown key 'epoch'"),
        ("target: qt", "unknown key 'target'"),
        ("epochs: three", "a whole number"),
        ("epochs: 3.5", "a whole number"),
        ("epochs: true", "a whole number"),
        ("multiply_by_inputs: 1", "true or false"),
        ("source: 12", "text"),
        ("epochs: [1, 2]", "a whole number"),
        ("epochs: 3\nepochs: 4", "epochs stands twice"),
        ("models: 0", "models is 0; allowed are 1 to 1000"),
        ("models: 1000000000", "allowed are 1 to 1000"),
        ("source: wfbd", "unknown source 'wfbd'; choose one of gan"),
        ("recipe: orignal", "choose one of default, original"),
        ("perturbation_steps: -1", "allowed are 1 to 7200"),
        ("perturbation_steps: 7201", "allowed are 1 to 7200"),
        ("smoothgrad_draws: 0", "allowed are 1"),
        ("perturbation_noise: -1.0", "allowed are 0.0"),
        ("perturbation_noise: .nan", "is nan; allowed"),
        ("attribution_noise: .inf", "is inf; allowed"),
        ("seed: 1000000000000000000000000000000", "allowed are 0"),
        ("source_path: /data", "source is gan, which generates"),
        ("source: wfdb", "needs source_path"),
        ("source: wfdb\nsource_path: ~/ecgs", "without ~"),
        ("source: wfdb\nsource_path: /a{b}", "without ~ and braces"),
        ("epochs: " + "[" * 1000, "cannot be read"),
        ("- epochs", "key: value"),
        ("epochs: {", "cannot be read"),
        ("epochs: !!python/object/apply:os.system ['true']", "cannot be read"),
    ],
)
def test_other_keys_types_and_files_are_refused_in_one_line(folder, text, said):
    (folder / "quick.yaml").write_text(text)
    with pytest.raises(ValueError, match="quick.yaml") as refusal:
        parameter_files.load("quick", ["qt"])
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("section", ["3", "[1]", "text", "true"])
def test_a_section_of_slurm_yaml_that_is_no_mapping_is_refused(tmp_path, monkeypatch, section):
    monkeypatch.setattr(slurm, "PARAMETERS", tmp_path / "parameters")
    (tmp_path / "parameters").mkdir()
    (tmp_path / "parameters" / "slurm.yaml").write_text(f"every:\n  cpus: 2\ntrain: {section}\n")
    said = "^parameters/slurm.yaml: train: got .* mapping"
    with pytest.raises(ValueError, match=said) as refusal:
        slurm.requests(None)
    assert "cpus" in str(refusal.value) and "\n" not in str(refusal.value)


def test_numbers_in_exponent_form_are_numbers(folder):
    (folder / "quick.yaml").write_text("learning_rate: 3e-3\nattribution_noise: 1")
    values = parameter_files.load("quick", ["qt"])["notebooks"]
    assert values["02_train"]["qt"]["learning_rate"] == 0.003
    assert values["04_heatmaps"]["qt"]["attribution_noise"] == 1.0


def test_a_fingerprint_sees_code_and_not_comments_or_values(tmp_path, monkeypatch):
    monkeypatch.setattr(steps, "NOTEBOOKS", tmp_path)
    step = next(step for step in steps.STEPS if step.rule == "train")

    def mark(code, parameters="epochs = 1"):
        cells = [
            {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": [parameters]},
            {"cell_type": "markdown", "metadata": {}, "source": ["words"]},
            {"cell_type": "code", "metadata": {}, "source": [code]},
        ]
        step.path.write_text(json.dumps({"cells": cells}))
        return fingerprint(step)

    plain = mark("x = 1")
    assert mark("x = 1  # one", "epochs = 9") == plain
    assert mark("%matplotlib inline\nx = 1") == plain
    assert mark("x = 2") != plain
    assert mark("from ecghelpers import training\nx = 1") != plain


def test_every_number_and_name_of_a_notebook_has_its_range():
    """And the defaults lie within; the names are those that the code knows."""
    from ecghelpers.data.build import SOURCES
    from ecghelpers.training import RECIPES

    values = {key: value for cell in CELLS.values() for key, value in cell.items() if key in KNOWN}
    paths = {"source_path", "labels_path"}
    judged = {key for key, value in values.items() if not isinstance(value, bool)} - paths
    assert judged | {"models"} == set(parameter_files.ALLOWED)
    assert parameter_files.check_values(values, values, "notebooks") == values
    allowed = parameter_files.ALLOWED
    assert allowed["source"] == SOURCES and set(allowed["recipe"]) == set(RECIPES)


@pytest.mark.parametrize("value", [5e-05, 1e-4, 0.003, 1.0, 12, True, "qt", "a b", "5e-05"])
def test_a_value_arrives_in_the_notebook_as_it_was_checked(value):
    arrived = value_of(f"key={json.dumps(value)}")
    assert arrived == ("key", value) and type(arrived[1]) is type(value)
    assert value_of("target=qt") == ("target", "qt")


def test_a_targets_file_may_set_only_what_is_its_own(folder):
    (folder / "quick.yaml").write_text("epochs: 3")
    (folder / "qt.yaml").write_text("records: 5")
    with pytest.raises(ValueError, match="qt.yaml: unknown key 'records'"):
        parameter_files.load("quick", ["qt"])
