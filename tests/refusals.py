"""How bad input is refused: with an error of one line that names what is wrong."""

from contextlib import contextmanager

import pytest


@contextmanager
def refused(*said, error=ValueError):
    """Expect a refusal that holds all of ``said``, where … stands for anything; gives the error."""
    with pytest.raises(error) as caught:
        yield caught
    text, words = str(caught.value), "…".join(map(str, said)).split("…")
    assert "\n" not in text and not [word for word in words if word not in text], text
