"""What the web app is asked for and cannot do: one line, and no address before it."""

import socket

import fake_results
import pytest

from ecghelpers.views import web_app


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    return fake_results.make(root, targets=("qt",), models=(1,), record_ids=("one",))


@pytest.fixture
def refusal(capsys):
    """A function that starts the web app with flags, and returns the line that refuses it."""

    def line(*flags):
        with pytest.raises(SystemExit) as stopped:
            web_app.main(list(map(str, flags)))
        assert "open http" not in capsys.readouterr().out
        text = str(stopped.value)
        assert text.startswith("error: ") and text.isprintable()
        return text

    return line


def test_a_port_or_a_path_that_cannot_be_used(results, refusal):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port}: Address already in use" in refusal(
            "--results", results.root, "--port", port
        )
    for port in (0, -1, 65536, 10**12):
        assert "allowed are 1 to 65535" in refusal("--results", results.root, "--port", port)
    for path in ("/a b/", "/ä/", "/?x", "/a#b", "/%2e/", "\n"):
        assert "--base-url" in refusal("--results", results.root, "--base-url", path)


def test_a_token_that_no_address_can_hold(results, refusal, monkeypatch):
    for token in ("a b", "Größe", "a\nb", " "):
        monkeypatch.setenv(web_app.TOKEN, token)
        assert web_app.TOKEN in refusal("--results", results.root)


def test_results_that_are_none(results, refusal, tmp_path):
    assert "holds no trained network" in refusal("--results", tmp_path)
    results.medians.write_bytes(b"nonsense")
    assert "medians.h5" in refusal("--results", results.root)
