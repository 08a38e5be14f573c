"""`python -m benchmarks [SUITE …] [--size s|city|province|nation]`: run suites, keep their JSON, draw the table."""

from __future__ import annotations

from benchmarks.harness import main

if __name__ == "__main__":
    main()
