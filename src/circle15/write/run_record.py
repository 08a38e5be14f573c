"""What replays a run 运行记录: inputs with hashes, plan version, options, package versions, as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path

from circle15.write.files import write_text


def write_run_record(path: Path, provenance: Mapping[str, object]) -> Path:
    """Write the record beside the results; keys sorted, no clock time, so that the same run gives the same bytes."""
    return write_text(path, to_json(provenance))


def to_json(value: object) -> str:
    """JSON with sorted keys, Chinese kept, NaN as null."""
    return json.dumps(_plain(value), ensure_ascii=False, indent=2, sort_keys=True, allow_nan=False) + "\n"


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(v) for v in (sorted(value, key=str) if isinstance(value, set | frozenset) else value)]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, str | int | bool):
        return value
    if hasattr(value, "item"):
        return _plain(value.item())
    return str(value)
