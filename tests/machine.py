"""What the tests need of a machine; for want of it they are skipped at home and say so, and fail in CI."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

CHROMIUM = Path(os.environ.get("CIRCLE15_CHROMIUM", "/usr/bin/chromium"))


def skip_at_home(lacks: str) -> NoReturn:
    """End a test for want of something that `.ci/run` provides."""
    if os.environ.get("CI"):
        pytest.fail(f"CI runs every check, but {lacks}")
    pytest.skip(lacks)
