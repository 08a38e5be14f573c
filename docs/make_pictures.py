"""Take the README's pictures of the demo's pages in headless Chromium, with the network cut.

`make demo && .venv/bin/python docs/make_pictures.py`
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
STEM = "中卫市_模拟数据"
DISTRICT = "沙坡头区"
TOWNSHIP = "柳林镇"
SITE = "105.19, 37.51"


def main() -> None:
    """Draw the pages in both languages and photograph them."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        for lang in ("zh", "en"):
            command = [sys.executable, "-m", "circle15", "map", str(ROOT / "data" / "zhongwei" / "city.toml")]
            subprocess.run([*command, "--lang", lang, "--out", folder], check=True)  # noqa: S603 - our own command
            page = browser.new_context(viewport={"width": 1360, "height": 820}, offline=True).new_page()
            page.goto((Path(folder) / f"{STEM}_index.html").as_uri())
            page.wait_for_timeout(1000)
            page.screenshot(path=ROOT / "docs" / "pictures" / f"index_{lang}.png")
            page.goto((Path(folder) / f"{STEM}_{DISTRICT}.html").as_uri())
            page.wait_for_timeout(2000)
            page.locator("#query").fill(TOWNSHIP)
            page.locator("#query").press("Enter")
            page.wait_for_timeout(2500)
            page.screenshot(path=ROOT / "docs" / "pictures" / f"district_{lang}.png")
            page.locator("[role=tab][aria-controls=tester]").click()
            page.locator("#tester-coordinates").fill(SITE)
            page.locator(".t-go").click()
            page.wait_for_timeout(2500)
            page.screenshot(path=ROOT / "docs" / "pictures" / f"tester_{lang}.png")
        browser.close()


if __name__ == "__main__":
    main()
