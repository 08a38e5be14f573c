"""The fuzz targets for some seconds, without coverage: every seed and every find, cut, flipped and spliced."""

import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import targets

RUNS = {
    "values": 200, "days": 200, "rows": 60, "register_csv": 25, "other_csv": 25, "sheet_xml": 25, "package": 40,
    "old_sheet": 1, "geojson": 10, "city": 40, "plan": 30, "overlay": 5,
}  # fmt: skip


def spoiled(data: bytes, chance: random.Random) -> bytes:
    """A seed with a few bytes flipped, cut, doubled or overwritten by awkward ones."""
    held = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(held) + 1)
        many = chance.randint(1, 20)
        change = chance.randrange(4)
        if change == 0:
            del held[at : at + many]
        elif change == 1:
            held[at:at] = held[at : at + many] * 3
        elif change == 2:
            held[at:at] = chance.choice(
                [b"\x00", b"\xff\xfe", b"&#0;", b"\xed\xa0\x80", "\u202e９".encode(), b"1e999", b'"']
            )
        elif at < len(held):
            held[at] ^= 1 << chance.randrange(8)
    return bytes(held)


def test_every_target_is_in_the_short_run():
    assert set(RUNS) == set(targets.TARGETS)


@pytest.mark.parametrize("name", RUNS)
def test_only_words_come_out(name):
    chance = random.Random(name)  # noqa: S311 - a fixed sequence is wanted
    seeds = list(targets.seeds(name))
    for seed in seeds:
        targets.TARGETS[name](seed)
    for _ in range(RUNS[name]):
        targets.TARGETS[name](spoiled(chance.choice(seeds), chance))
