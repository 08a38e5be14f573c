"""Slow twin of boot.js: what a page holds, read back from its text."""

import gzip
import json
import re

SIGNS = "".join(chr(c) for c in range(33, 127) if chr(c) not in "<>&\"'\\/`-")
PAYLOAD = r'id="payload" data-size="(\d+)">([^<]*)<'


def bytes_of(text: str, size: int) -> bytes:
    """What `pack_bytes` packed."""
    value = {sign: n for n, sign in enumerate(SIGNS)}
    packed = bytearray()
    for at in range(0, len(text), 5):
        word = 0
        for sign in text[at : at + 5]:
            word = word * 85 + value[sign]
        packed += word.to_bytes(4, "big")
    return gzip.decompress(bytes(packed[:size]))


def blocks_of(html: str) -> dict[str, bytes]:
    """Blocks of a page by name."""
    size, text = re.search(PAYLOAD, html).groups()
    raw = bytes_of(text, int(size))
    head = int.from_bytes(raw[:4], "little")
    contents = json.loads(raw[4 : 4 + head])
    return {k: raw[4 + head + start : 4 + head + start + size] for k, (start, size) in contents.items()}


def values_of(html: str) -> dict:
    """The block of plain values."""
    return json.loads(blocks_of(html)["values"])
