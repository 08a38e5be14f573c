"""The offline page 离线单页: folium builds it, and it asks nobody for anything.

folium links its scripts and styles to content networks. Here each link is replaced by the file of an installed package
(XStatic-Leaflet), dropped where the page does not need it, or refused; the browser is told by a content security policy
to run our scripts only and to load nothing. Scripts, styles and data lie in one compressed payload; a script of some
lines (boot.js) unpacks it, and the policy holds the hash of each script that it may then run.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.metadata import distribution
from importlib.resources import files
from typing import Any

import rjsmin

from circle15.draw.pack import json_bytes, pack_blocks
from circle15.words import Lang

LEAFLET = "XStatic-Leaflet"
_LEAFLET_FOLDER = "xstatic/pkg/leaflet/data"
_NOT_NEEDED = ("jquery", "bootstrap", "fontawesome", "font-awesome", "awesome-markers", "awesome.rotate", "glyphicons")
_HTML_LANG = {"zh": "zh-CN", "en": "en"}


@dataclass(frozen=True)
class Shell:
    """What folium built, taken apart: the only scripts and styles that the page may run."""

    scripts: tuple[str, ...]
    styles: tuple[str, ...]
    html: str


def build_shell(*, map_id: str, bounds: Sequence[float]) -> Shell:
    """Let folium build an empty map and take its parts, with Leaflet inlined and names made stable.

    Parameters
    ----------
    map_id
        Name of the map's element and variable (`map_<map_id>`), in place of folium's random one.
    bounds
        West, south, east, north in degrees (EPSG:4326).

    Raises
    ------
    ValueError
        Where folium links an asset that no installed package is known to hold.
    """
    import folium  # noqa: PLC0415 - 10 MB and a tenth of a second that only pages with a map need
    from branca.element import JavascriptLink, Link  # noqa: PLC0415 - see folium

    west, south, east, north = bounds
    built = folium.Map(location=[(south + north) / 2, (west + east) / 2], tiles=None, zoom_control=False, zoom_start=11)
    built._id = map_id  # noqa: SLF001 - folium has no public way to make two runs alike
    # without a tile layer folium drops max_zoom
    built.options |= {
        "max_zoom": 19,
        "min_zoom": 5,
        "zoom_snap": 0.25,
        "zoom_delta": 0.5,
        "fade_animation": False,
        "wheel_px_per_zoom_level": 90,
    }
    figure: Any = built.get_root()
    figure.render()
    scripts: list[str] = []
    styles: list[str] = []
    for part in figure.header._children.values():  # noqa: SLF001 - the only way to see what folium links
        if isinstance(part, Link):
            code = inline_asset(part.url)
            if code is not None:
                (scripts if isinstance(part, JavascriptLink) else styles).append(code)
            continue
        text = part.render()
        scripts += re.findall(r"<script>(.*?)</script>", text, flags=re.DOTALL)
        styles += re.findall(r"<style>(.*?)</style>", text, flags=re.DOTALL)
    return Shell((*scripts, figure.script.render()), tuple(styles), figure.html.render())


@cache
def inline_asset(url: str) -> str | None:
    """Text of the installed file that a linked asset stands for; None for one that the page does not use.

    Raises ValueError for an asset that is neither, so that no link can slip into a page.
    """
    name = url.rsplit("/", 1)[-1].split("?", 1)[0].lower()
    if name in {"leaflet.js", "leaflet.css"}:
        # browsers read CRLF as LF before they compare hashes; a source map would be one more file to ask for, and
        # the images are of controls and pins that no page has
        text = _leaflet_file(name).decode("utf-8").replace("\r\n", "\n")
        return re.sub(r"url\(images/[\w.-]+\)", "none", re.sub(r"//# sourceMappingURL=\S+", "", text))
    if any(word in url.lower() for word in _NOT_NEEDED):
        return None
    message = f"folium links an asset that no installed package holds: {url}"
    raise ValueError(message)


def _leaflet_file(name: str) -> bytes:
    path = distribution(LEAFLET).locate_file(f"{_LEAFLET_FOLDER}/{name}")
    with open(str(path), "rb") as stream:  # noqa: PTH123 - importlib.metadata gives a path-like of its own
        return stream.read()


@cache
def read_asset(name: str) -> str:
    """Text of one of our own page files (draw/assets)."""
    return files("circle15.draw").joinpath("assets", name).read_text(encoding="utf-8")


def join_scripts(names: Sequence[str]) -> str:
    """Page scripts of ours as one, without comments and indents."""
    return str(rjsmin.jsmin("\n".join(read_asset(name) for name in names)))


def fill(template: str, slots: Mapping[str, str]) -> str:
    """Fill `{{name}}` slots in one pass, escaped; a value that looks like a slot stays as it is."""
    return re.sub(r"\{\{(\w+)\}\}", lambda match: escape(slots[match[1]]), template)


def content_policy(scripts: Sequence[str], styles: Sequence[str], *, images: Sequence[str] = ()) -> str:
    """Content security policy that lets exactly these scripts and styles run and nothing be loaded but data images.

    `images` are the hosts of a basemap, where one was asked for.
    """
    return (
        f"default-src 'none'; script-src {_hashes(scripts)}; style-src {_hashes(styles)}; "
        f"img-src {' '.join(['data:', *images])}; base-uri 'none'; form-action 'none'"
    )


def _hashes(texts: Sequence[str]) -> str:
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(t.encode()).digest()).decode('ascii')}'" for t in texts)


def assemble_page(
    *,
    shell: Shell | None,
    lang: Lang,
    title: str,
    body: str,
    styles: Sequence[str],
    scripts: Sequence[str],
    blocks: Mapping[str, bytes],
    images: Sequence[str] = (),
) -> str:
    """One HTML document: policy, styles that show before unpacking, body, payload, the script that unpacks it.

    Parameters
    ----------
    shell
        What folium built; its element stands where the body says `<!--map-->`.
    body
        HTML whose foreign words are already escaped (see `fill`).
    styles, scripts
        Ours, run after folium's.
    blocks
        Data by name; the page reads them as `C15.blocks[name]`.
    images
        Hosts of a basemap.
    """
    packed_scripts = [*(shell.scripts if shell else ()), *scripts]
    packed_styles = [*(shell.styles if shell else ()), *styles]
    boot, first = read_asset("boot.js"), read_asset("boot.css")
    payload, size = pack_blocks({"code": json_bytes({"styles": packed_styles, "scripts": packed_scripts}), **blocks})
    policy = content_policy([boot, *packed_scripts], [first, *packed_styles], images=images)
    return "\n".join(
        [
            "<!DOCTYPE html>",
            f'<html lang="{_HTML_LANG[lang]}">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{escape(title)}</title>",
            f"<style>{first}</style>",
            "</head>",
            "<body>",
            body.replace("<!--map-->", shell.html if shell else ""),
            f'<script type="application/octet-stream" id="payload" data-size="{size}">{payload}</script>',
            f"<script>{boot}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )
