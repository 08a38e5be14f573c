"""Coverage-guided fuzzing of one target: `python tests/fuzz/fuzz.py values -runs=250000`; needs atheris.

Options after the target are libFuzzer's. What breaks is written to the working folder as crash-…; put it into
`found/<target>-<what>` once it is mended, so that the suite keeps it.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent))
MEMORY_BYTES = 4_000_000_000

with atheris.instrument_imports(include=["circle15.read", "circle15.policy", "csv", "tomllib"]):
    import targets


def main() -> None:
    """Command line."""
    name, options = sys.argv[1], sys.argv[2:]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    corpus = Path(tempfile.mkdtemp(prefix=f"corpus-{name}-"))
    for i, seed in enumerate(targets.seeds(name)):
        (corpus / str(i)).write_bytes(seed)
    usual = ["-timeout=30", "-rss_limit_mb=2500", "-max_len=20000", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *usual, *options, str(corpus)], targets.TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
