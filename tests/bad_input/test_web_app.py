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


def test_what_cannot_be_served_is_refused(results, refusal, monkeypatch, tmp_path):
    given = ("--results", results.root)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port}: Address already in use" in refusal(*given, "--port", port)
    for port in (0, 65536):
        assert "1 to 65535" in refusal(*given, "--port", port)
    for path in ("/a b/", "/ä/", "/?x", "/%2e/", "\n"):
        assert "--base-url" in refusal(*given, "--base-url", path)
    for token in ("a b", "Größe", " "):
        monkeypatch.setenv(web_app.TOKEN, token)
        assert web_app.TOKEN in refusal(*given)
    monkeypatch.delenv(web_app.TOKEN, raising=False)
    assert "no trained network" in refusal("--results", tmp_path)
    results.medians.write_bytes(b"nonsense")
    assert "medians.h5" in refusal(*given)
