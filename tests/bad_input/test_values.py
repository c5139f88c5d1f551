"""Values, YAML files, flags and results folders that cannot be meant: a line each."""

import os
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecghelpers.run import cli, notebook_cells, parameter_files
from ecghelpers.run.lock import Refusal
from ecghelpers.run.steps import WITH_NOTEBOOK

NUMBERS = {key: limits for key, limits in parameter_files.ALLOWED.items() if limits[0] != "gan"}
NUMBERS = {key: limits for key, limits in NUMBERS.items() if not isinstance(limits[0], str)}
NAMES = {key: names for key, names in parameter_files.ALLOWED.items() if key not in NUMBERS}
KNOWN = {
    key: value
    for step in WITH_NOTEBOOK
    for key, value in notebook_cells.notebook_parameters(step.path).items()
    if key not in parameter_files.RUN_TIME
} | {"models": 1}
ODD = {
    "infinite": ".inf", "below infinite": "-.inf", "no number": ".nan", "nothing": "",
    "nothing too": "null", "quoted": '"3"', "words": "three", "a list": "[3]", "a map": "{a: 3}",
    "a date": "2020-01-01", "hexadecimal": "0x10", "octal": "010", "sexagesimal": "1:30",
    "underscore": "1_0", "comma": "3,5", "unit": "3 mV", "percent": "3%", "complex": "3j",
    "a huge power": "1e400", "5000 digits": "9" * 5000, "full width": "３", "yes": "yes",
    "own type": "!!python/name:os.system", "a file": "!include /etc/passwd", "a bad int": "!!int x",
    "a bad time": "!!timestamp x", "a bad truth": "!!bool x", "bytes": "!!binary AAAA",
}  # fmt: skip


@pytest.fixture
def refused(tmp_path, monkeypatch):
    """A function that writes a profile and returns the line that refuses it."""
    monkeypatch.setattr(parameter_files, "PARAMETERS", tmp_path)

    def line(content):
        raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        (tmp_path / "quick.yaml").write_bytes(raw)
        with pytest.raises((ValueError, OSError)) as refusal:
            parameter_files.load("quick", ["qt"])
        return one_line(refusal)

    return line


def one_line(refusal) -> str:
    text = str(refusal.value)
    assert text.isprintable() and len(text) < 700, text
    return text


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("key", NUMBERS)
def test_a_number_is_a_plain_number(refused, key, kind):
    assert "quick.yaml" in (text := refused(f"{key}: {ODD[kind]}")) and (
        "allowed" in text or "read" in text
    )


@pytest.mark.parametrize("key", NUMBERS)
def test_a_number_lies_in_its_range_and_its_ends_belong_to_it(refused, key):
    low, high = NUMBERS[key]
    for value in (low, high):
        assert parameter_files.check_values({key: value}, KNOWN, "here") == {key: value}
    step = 1 if isinstance(KNOWN[key], int) else 1e-3
    for value in (low - step, high + step, -(10**30), 10**30):
        assert f"allowed are {low} to {high}" in refused(f"{key}: {value}")
    assert isinstance(KNOWN[key], float) or "whole" in refused(f"{key}: 2.5")
    assert "true or false" in refused(f"{key}: true")


@pytest.mark.parametrize("key", NAMES)
@pytest.mark.parametrize("value", ['""', "x", "GAN", '"default "', "'ga\\nn'", "[gan]", "off", "1"])
def test_a_name_is_one_of_those_there_are(refused, key, value):
    text = refused(f"{key}: {value}")
    assert "choose one of" in text or "allowed is text" in text


LADDER = list(zip("abcdefgh", "bcdefghi", strict=True))
YAML = {
    "an alias of nothing": "seed: *a",
    "aliases of aliases": "a: &a [1]\n" + "\n".join(f"{n}: &{n} [*{m},*{m}]" for m, n in LADDER),
    "itself": "epochs: &a [*a]",
    "a map in itself": "&a {epochs: *a}",
    "a merged key twice": "<<: 3",
    "a key twice": "epochs: 3\n'epochs': 4",
    "a key in another case": "Epochs: 3",
    "a key with a space": '"epochs ": 3',
    "a key that is no text": "3: 4",
    "a key that is a list": "? [1]\n: 3",
    "no key": "~: 3",
    "two documents": "epochs: 3\n---\nepochs: 4",
    "text": "epochs",
    "no space after the colon": "epochs:3",
    "equals": "epochs=3",
    "a list": "- epochs",
    "false": "false",
    "zero": "0",
    "a tab": "epochs:\t3",
    "zero bytes": "epochs: 3\0",
    "a bell": "epochs: 3\a",
    "an escape": 'source: "\\e[31mgan"',
    "half a pair": 'source_path: "\\ud800"\nsource: wfdb',
    "an open quote": "epochs: '3",
    "another YAML": "%YAML 9.9\n---\nepochs: 3",
    "brackets": "epochs: " + "[" * 1000,
    "braces": "epochs: " + "{a: " * 500,
    "steps inwards": "\n".join(" " * n + "a:" for n in range(800)),
    "a long value": "source: " + "g" * 5000,
    "a long list": "epochs: [" + "1," * 5000 + "]",
    "UTF-16": "epochs: 3".encode("utf-16"),
    "Latin-1": "# é\nepochs: 3".encode("latin-1"),
    "all bytes": bytes(range(256)),
    "a zipped file": b"\x1f\x8b\x08\0\0",
    "a path and the generator": "source_path: /tmp",
    "labels and the generator": "labels_path: /tmp",
    "no path": "source: hdf5",
    "a table too many": "source: wfdb\nsource_path: /tmp\nlabels_path: /tmp/x",
    "another table too many": "source: hdf5\nsource_path: /tmp\nlabels_path: /tmp/x",
    "no table": "source: 12sl\nsource_path: /tmp",
    "a home": "source: wfdb\nsource_path: ~/ecgs",
    "a brace": "source: wfdb\nsource_path: /tmp/{x}",
    "a line end in a path": 'source: wfdb\nsource_path: "/tmp\\nx"',
    "a zero in a path": 'source: wfdb\nsource_path: "/tmp\\0x"',
    "a network that is none": "network: planted",
    "a thousand networks of ours": "network: pretrained\nmodels: 1000",
}  # fmt: skip


@pytest.mark.parametrize("kind", YAML)
def test_a_profile_that_cannot_be_meant_is_refused(refused, kind):
    text = refused(YAML[kind])
    assert "quick.yaml" in text or "does not come with the project" in text


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(sorted(KNOWN)),
    st.text(string.printable, max_size=30) | st.integers() | st.floats(),
)
def test_whatever_is_taken_is_of_the_right_kind(tmp_path_factory, key, value):
    """Any text as a value: refused in one line, or taken as what its parameter is."""
    folder = tmp_path_factory.mktemp("any")
    (folder / "x.yaml").write_text(f"{key}: {value}", encoding="utf-8")
    try:
        read = parameter_files.read_yaml(folder / "x.yaml")
        taken = parameter_files.check_values(read, KNOWN, "x.yaml")
    except ValueError as refusal:
        assert str(refusal).isprintable() and "x.yaml" in str(refusal)
        return
    for name, number in taken.items():
        assert type(number) is type(KNOWN[name])
        if name in NUMBERS:
            assert NUMBERS[name][0] <= number <= NUMBERS[name][1]


FLAGS = {
    "--profile": ["quick ", "Quick", "../quick", "qt", "slurm", "", "quick.yaml", "é", "..",
        "/etc/passwd", "quick,smoke"],
    "--target": ["", ",", "QT", "qt pr", "qt;pr", "all", "1", "qt,pr,qtc", "planted"],
    "--only": ["", "004", "4.0", "09", "-1", "all", "04-06", "04;06", "01_data.ipynb", "\u0664"],
    "--jobs": ["0", "-1", "1.5", "x", "", "1e3", "10001", "9" * 30, "0x1", "1_0", "\uff12",
        "\u0663", "+2", " 2"],
    "--device": ["", "CPU", "cuda:0", "gpu", "auto ", "mps"],
    "--results": [
        "", "  ", ".", "..", "/", "~/x", "s3://x", "a{b}", "a\nb", "a\0b", "n" * 300, "n/" * 2500,
        "/dev/null", "/etc/passwd", "/etc/passwd/x", "/usr", "\udcff", "tests/x", "docs",
        "networks/qt", ".venv/x", "README.md", "notebooks/x", "parameters",
        "ecghelpers/x", "loop", "loop/x", "to_code", "whole/qt/model1", "whole/data",
    ],
    "--resources": ["x", "cpus=0", "cpus=-1", "cpus=x", "minutes=1e9", "foo=1", "foo.cpus=1", "=",
        "cpus=", "a=b=c", ",,,", "memory_gb=1.5", "partition={x}"],
    "--dry-run=1": [None], "--prof": ["quick"], "--x": [None], "x": [None], "-n": [None],
}  # fmt: skip
CASES = [(flag, value) for flag, values in FLAGS.items() for value in values]


@pytest.mark.parametrize(("flag", "value"), CASES)
def test_a_flag_that_cannot_be_meant_is_refused(monkeypatch, tmp_path, flag, value):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "to_code").symlink_to(parameter_files.ROOT / "ecghelpers")
    (tmp_path / "whole/.checksums").mkdir(parents=True)
    (tmp_path / "whole/settings.json").touch()
    links = bool(value) and value.startswith(("loop", "to_code", "whole"))
    monkeypatch.chdir(tmp_path if links else parameter_files.ROOT)
    monkeypatch.setattr(notebook_cells, "fingerprint", lambda step: "")
    more = ["--slurm", "--dry-run"] if flag == "--resources" else []
    with pytest.raises(Refusal) as refusal:
        cli.plan(cli.parse([*more, flag, *([] if value is None else [value])]))
    assert str(refusal.value).isprintable()
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "$x",
        "%d",
        "a'b",
        'a"b',
        "a;b",
        "*",
        "[x]",
        "a&b",
        "#x",
        "a\\b",
        "Größe",
        "A\u0308",
        "n" * 200,
    ],
)
def test_an_odd_results_folder_is_taken(monkeypatch, tmp_path, name):
    monkeypatch.setattr(notebook_cells, "fingerprint", lambda step: "")
    planned = cli.plan(cli.parse(["--results", str(tmp_path / name)]))
    assert os.fspath(planned.results) == os.path.join(os.path.realpath(tmp_path), name)
