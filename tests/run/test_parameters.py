"""The schema of all parameters: what profiles, targets' files and notebooks may hold."""

import pytest
import toy
from hypothesis import given, settings, strategies as st
from refusals import refused

from ecghelpers import parameters
from ecghelpers.ecg import TARGETS
from ecghelpers.parameters import FOLDER, PROFILE, NotebookParameters, Parameters


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of profiles in place of the project's."""
    monkeypatch.setattr(parameters, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", parameters.profiles())
def test_profiles_hold_only_what_differs_from_the_defaults(name):
    assert set(parameters.load(name, list(TARGETS))) == {"", *TARGETS}
    for key, value in parameters.read_yaml(FOLDER / f"{name}.yaml").items():
        assert value != PROFILE[key].default, key


@pytest.mark.parametrize("name", toy.NOTEBOOKS)
def test_a_notebooks_cell_holds_the_defaults(name):
    cell = {}
    exec(toy.parameters_cell(name), cell)
    del cell["__builtins__"]
    fields = NotebookParameters.model_fields
    assert cell and {key: fields[key].default for key in cell} == cell
    code = "\n".join("".join(c["source"]) for c in toy.real_cells(name))
    assert "parameters.check(globals())" in code


def test_every_parameter_of_a_profile_reaches_a_notebook_and_the_documented_table():
    cells = "\n".join(map(toy.parameters_cell, toy.NOTEBOOKS))
    assert not [name for name in set(PROFILE) - {"models"} if f"{name} = " not in cells]
    written = (toy.ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
    assert written == parameters.table()


def test_a_targets_file_wins_over_the_profile(folder):
    (folder / "quick.yaml").write_text("epochs: 4\nlearning_rate: 3e-3\n")
    (folder / "qt.yaml").write_text("epochs: 7\n")
    loaded = parameters.load("quick", ["qt", "pr"])
    assert [loaded[key].epochs for key in ("", "pr", "qt")] == [4, 4, 7]
    assert loaded["qt"].learning_rate == 0.003


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epohcs: 4", "do you mean epochs?"),
        ("target: pr", "unknown key 'target'"),
        ("epochs: 0", "epochs is 0; allowed: a whole number from 1 to 10000"),
        ("epochs: true", "epochs is True"),
        ("epochs: 1:30", "epochs is '1:30'"),
        ("attribution_noise: .nan", "attribution_noise is nan"),
        ("multiply_by_inputs: yes", "true or false"),
        ("source: edf", "gan, "),
        ("epochs: 4\nepochs: 5", "duplicate key"),
        ("epochs: [", "cannot be read"),
        ("!!python/object/apply:os.system [true]", "quick.yaml"),
        ("source: wfdb", "needs source_path"),
        ("source: 12sl\nsource_path: x", "labels_path"),
    ],
)
def test_impossible_values_are_refused_in_one_line(folder, text, said):
    (folder / "quick.yaml").write_text(text, encoding="utf-8")
    with refused("quick.yaml", said):
        parameters.load("quick", ["qt"])


@settings(max_examples=150, deadline=None)
@given(
    st.binary(max_size=60) | st.text(st.sampled_from("epochs: -[]{}#&*!|>'\"%@`1e.\n"), max_size=40)
)
def test_any_file_is_read_or_refused_in_one_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("odd") / "odd.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    try:
        values = parameters.read_yaml(path)
        parameters._validated(Parameters, values, "odd.yaml")
    except ValueError as error:
        assert "\n" not in str(error) and "odd.yaml" in str(error)


def test_a_notebook_takes_its_parameters_and_refuses_others():
    given = parameters.check({"target": "qt", "epochs": 3, "other": "x"})
    assert (given.target, given.epochs, given.seed) == ("qt", 3, 1)
    for name, value, said in (("epochs", 0, "epochs is 0"), ("target", "qtc", "VentRate")):
        with refused(said):
            parameters.check({name: value})
