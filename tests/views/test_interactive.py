"""A plotly figure in a real browser: every button of its toolbar, with the network recorded."""

import fake_results
import numpy as np
import plotly.graph_objects as go
import pytest

from ecghelpers.views import interactive

BUTTONS = "[...document.querySelectorAll('.modebar-btn')].map(b => b.dataset.title)"


@pytest.fixture
def opened(browser):
    """A page that notes what it asks for and what it opens."""
    page = browser.new_page()
    page.requests, page.windows = [], []
    page.on("request", lambda request: page.requests.append(request.url))
    page.on("popup", lambda window: page.windows.append(window.url))
    yield page
    page.close()


def click_everything(page) -> list[str]:
    """Click every button of the toolbar; returns their titles."""
    page.wait_for_selector(".main-svg")
    page.hover(".nsewdrag")
    titles = page.evaluate(BUTTONS)
    for number in range(len(titles)):
        page.locator(".modebar-btn").nth(number).click()
    page.wait_for_timeout(300)
    return titles


def figure() -> go.Figure:
    beat = fake_results.beat(np.random.default_rng(0))
    return go.Figure(go.Scatter(y=beat[1], mode="lines+markers"))


def test_no_button_leads_out_of_the_house(opened, tmp_path):
    path = interactive.save_html(figure(), tmp_path / "figures" / "one.html")
    opened.goto(path.as_uri())
    titles = click_everything(opened)
    assert "Zoom" in titles and len(titles) > 4
    assert not [title for title in titles if "hare" in title or "loud" in title or "lotly" in title]
    assert opened.locator("a[href]").count() == 0 and opened.windows == []
    assert not [url for url in opened.requests if not url.startswith(("file:", "blob:", "data:"))]
    assert interactive.RESEARCH_ONLY in opened.locator("body").text_content()


def test_the_same_clicks_find_what_plotly_offers_by_itself(opened, tmp_path):
    """So that the test above would notice."""
    path = tmp_path / "plain.html"
    figure().write_html(path, include_plotlyjs="directory")
    opened.goto(path.as_uri())
    opened.wait_for_selector(".main-svg")
    assert opened.locator("a[href]").count() > 0  # the logo
    assert [title for title in opened.evaluate(BUTTONS) if title and "hare" in title]


def test_the_browser_refuses_what_a_figure_would_ask_for(opened, tmp_path):
    path = interactive.save_html(figure(), tmp_path / "one.html")
    opened.goto(path.as_uri())
    answer = "fetch('https://example.org/').then(() => 'sent', () => 'refused')"
    assert opened.evaluate(answer) == "refused"
    assert not [url for url in opened.requests if "example.org" in url]
