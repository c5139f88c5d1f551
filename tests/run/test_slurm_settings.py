"""What is asked of Slurm: parsing and checking, without a Slurm."""

import shlex

import pytest

from ecghelpers.run import slurm


def test_values_may_be_numbers_of_text_lists_and_alternatives():
    asked, _ = slurm.requests("account=12345,partition=a,b,options=--constraint=a|b -C 'x y'")
    train = slurm.rule_resources(asked["train"])
    assert train["slurm_account"] == "12345" and train["slurm_partition"] == "a,b"
    assert shlex.split(train["slurm_extra"]) == ["--constraint=a|b", "-C", "x y"]
    assert "'--constraint=a|b'" in train["slurm_extra"], "a shell would run b"


def test_the_special_wins_over_the_general_whatever_stands_first():
    asked, _ = slurm.requests("train.minutes=600,minutes=10")
    assert asked["train"]["minutes"] == 600 and asked["heatmaps"]["minutes"] == 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("minutes=0", "minutes is 0; allowed are 1 to"),
        ("minutes=99999999999999999999", "allowed are 1 to"),
        ("options='x", "options of data"),
        ("partition=a;touch x", "partition of data"),
        ("gres", "key=value"),
        ("nope.cpus=1", "nope"),
        ("cpu=1", "cpu"),
        ("cpus=two", "cpus"),
    ],
)
def test_what_cannot_be_meant_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        slurm.requests(text)


@pytest.mark.parametrize("seconds", [-5, 0, 500])
def test_looks_at_the_queue_come_before_slurm_forgets(monkeypatch, tmp_path, seconds):
    (tmp_path / "slurm.yaml").write_text(f"check_seconds: {seconds}\n")
    monkeypatch.setattr(slurm, "PARAMETERS", tmp_path)
    with pytest.raises(ValueError, match="1 to 90"):
        slurm.requests(None)


def test_time_left_is_read_as_slurm_writes_it(monkeypatch, tmp_path):
    squeue = tmp_path / "squeue"
    monkeypatch.setenv("PATH", str(tmp_path))
    for text, seconds in (("0:50", 50), ("1-02:03:04", 93784), ("UNLIMITED", None), ("", None)):
        squeue.write_text(f"#!/bin/sh\necho {text}\n")
        squeue.chmod(0o755)
        assert slurm.time_left("7_2") == seconds
    assert slurm.time_left("") is None
