"""circle15: 15-minute medical-insurance service circles 15分钟医保服务圈.

Data flow one way: read → project → measure → judge → draw / write. `study.assess` is the one door.
"""

import os

import circle15.words as _words  # noqa: F401 - from here on every error reads as its sentences

__version__ = "0.1.0"

# Arrow reads this once, when pandas loads it: in a heap of its own it would keep 60 MB of a nation that nobody holds
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
