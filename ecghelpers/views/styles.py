"""Labels and colours of methods and waves in every figure."""

from collections.abc import Callable, Mapping

from ..attribution_methods import METHODS, Method


class _Column(Mapping):
    """A column of ``attribution.METHODS``, which may gain methods later."""

    def __init__(self, read: Callable[[Method], object]):
        self._read = read

    def __getitem__(self, method: str):
        return self._read(METHODS[method])

    def __iter__(self):
        return iter(METHODS)

    def __len__(self) -> int:
        return len(METHODS)


METHOD_LABELS = _Column(lambda method: method.label)
METHOD_STYLES = _Column(lambda method: (method.colour, method.dash))
WAVE_COLORS = {"P": "#56B4E9", "QRS": "#D55E00", "T": "#009E73"}
WAVE_COLORS |= {"neighbouring beats": "#CC79A7", "elsewhere": "#BBBBBB"}
OURS, PUBLISHED, PLAIN = "#0072B2", "#E69F00", "#999999"


def in_order(names) -> list[str]:
    """Each name once: methods in the order of METHODS, then the rest as they come."""
    valid = dict.fromkeys(names)
    return [name for name in METHODS if name in valid] + [n for n in valid if n not in METHODS]
