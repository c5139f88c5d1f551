"""What a test sees of a figure, or of the view in a browser, whichever host shows it."""

from fake_results import ROOT
from matplotlib.text import Text

OUTPUT = ROOT / "tests" / "output" / "browser"  # pictures of what was seen
PATIENCE_MS = 120_000  # on a machine that does other things
VIEW = ".ecg-view"  # the host of a shadow tree, which Playwright's selectors see into
SHADE = "document.querySelector('.ecg-view').shadowRoot"
HASH = """canvas => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let value = 0;
  for (let i = 0; i < data.length; i++) value = Math.imul(value ^ data[i], 0x01000193);
  return value;
}"""


def texts(picture) -> str:
    """Everything that is written on a figure."""
    return "\n".join(text.get_text() for text in picture.findobj(Text))


def part(page, name: str):
    """A part of the view by its name."""
    return page.locator(f"{VIEW} [name='{name}']")


def drawn(page, before: int = 0) -> int:
    """Wait until the view has drawn something newer; returns its number."""
    # Polled from here: the page's content security policy may refuse a predicate given as text.
    number = "document.querySelector('.ecg-view')?.dataset.drawn ?? '0'"
    for _ in range(PATIENCE_MS // 10):
        now = int(page.evaluate(number))
        if now > before:
            return now
        page.wait_for_timeout(10)
    raise TimeoutError("the view was not drawn in time")


def change(page, act) -> None:
    """Act, and wait until the view is drawn again."""
    before = int(page.locator(VIEW).get_attribute("data-drawn"))
    act()
    drawn(page, before)


def choose(page, name: str, value: str) -> None:
    """Choose an option, and wait until it is drawn."""
    change(page, lambda: part(page, name).select_option(value))


def pictures(page) -> list[int]:
    """A number for what each panel shows."""
    return page.locator("[name=panels] canvas").evaluate_all(f"all => all.map({HASH})")


def captions(page) -> list[str]:
    return page.locator("[name=panels] figcaption b").all_text_contents()
