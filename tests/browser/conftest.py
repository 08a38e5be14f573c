"""Headless Chromium that may open files and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import drawn_city
import pytest

from circle15.draw.map import draw_district


class Watched:
    """A page and everything it asked for or complained of."""

    def __init__(self, page, folder: Path) -> None:
        self.page, self.folder = page, folder
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda r: self.requests.append(r.url))
        page.on("console", lambda m: self.complaints.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda e: self.complaints.append(str(e)))

    def open(self, html: str, *, ready: bool = True, name: str = "page.html"):
        path = self.folder / name
        path.write_text(html, encoding="utf-8")
        self.page.goto(path.as_uri())
        if ready:
            self.page.wait_for_function("() => document.documentElement.dataset.ready === 'yes'", timeout=20_000)
        return self.page

    def foreign_requests(self) -> list[str]:
        return [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))]


@pytest.fixture
def watched(browser, tmp_path) -> Iterator[Watched]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, offline=True)
    yield Watched(context.new_page(), tmp_path)
    context.close()


@pytest.fixture(scope="session")
def assessment():
    """The drawn city: read only, tests change copies."""
    return drawn_city.make_assessment()


@pytest.fixture(scope="session")
def html(assessment):
    """The page of one of its districts."""
    return draw_district(assessment, drawn_city.DISTRICT)
