"""Personal and bank data kept out 个人与银行信息: columns dropped on reading, numbers in other cells masked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from circle15.read.words_in import plain, text_list

MASK = "***"
_SAMPLE = 200
_SHARE = 0.5
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_NUMBER = re.compile(
    r"(?<![0-9A-Za-z.])(?:[0-9]{17}[0-9Xx]|[0-9]{16,19}|1[3-9][0-9](?:[- ]?[0-9]{4}){2})(?![0-9A-Za-z])"
)
_LONG_NUMBER = re.compile("[0-9]{11}|[0-9]{3}[- ][0-9]{4}")
_MOBILE_DIGITS, _CARD_DIGITS = 11, 18


@cache
def _exact() -> frozenset[str]:
    return frozenset(plain(w) for w in text_list("personal_columns"))


@cache
def _inside() -> tuple[str, ...]:
    return tuple(plain(w) for w in text_list("personal_inside"))


def is_personal(header: str) -> bool:
    """Whether a column's name says personal or bank data: certificate numbers, telephones, accounts, persons."""
    name = plain(header)
    return name in _exact() or any(word in name for word in _inside())


def holds_personal(cells: Sequence[Any]) -> bool:
    """Whether half of the first filled cells are identity card, bank card or mobile telephone numbers."""
    told = [c for c in cells[: 10 * _SAMPLE] if isinstance(c, (str, float, int)) and c]
    filled = [str(int(c)) if isinstance(c, float) and c.is_integer() else str(c) for c in told]
    sample = filled[:_SAMPLE]
    return bool(sample) and sum(masked(c) != c for c in sample) > _SHARE * len(sample)


def masked(text: str) -> str:
    """Text with identity card numbers, bank cards and mobile telephones replaced by MASK."""
    if len(text) < _MOBILE_DIGITS:
        return text
    return _NUMBER.sub(_hidden, text)


def all_masked(words: list[str]) -> list[str]:
    """Each of many texts as `masked` gives it; most registers hold none of these numbers, which one search tells."""
    return [masked(w) for w in words] if _LONG_NUMBER.search("\n".join(words)) else words


def masked_note(text: str) -> str:
    """Text of a title, note or signature line: numbers masked, and the names that follow 填表人 and the like."""
    words = "|".join(re.escape(w) for w in text_list("persons"))
    return re.sub(rf"({words})(\s*[:\uff1a]\s*|\s+)[^\s,;\uff0c\uff1b\u3002]+", rf"\1\2{MASK}", masked(text))


def _hidden(found: re.Match[str]) -> str:
    number = re.sub("[- ]", "", found[0]).upper()
    if len(number) == _MOBILE_DIGITS or _is_identity(number) or _is_bank_card(number):
        return MASK
    return found[0]


def _is_identity(number: str) -> bool:
    """Whether the check digit of an 18-digit identity number (GB 11643) fits."""
    if len(number) != _CARD_DIGITS or not number[:17].isdecimal():
        return False
    total = sum(int(d) * w for d, w in zip(number, _WEIGHTS, strict=False))
    return _CHECKS[total % 11] == number[17]


def _is_bank_card(number: str) -> bool:
    """Whether the check digit of a bank card number (Luhn) fits."""
    if not number.isdecimal():
        return False
    digits = [int(d) for d in reversed(number)]
    return sum(digits[::2]) % 10 == (-sum(sum(divmod(2 * d, 10)) for d in digits[1::2])) % 10
