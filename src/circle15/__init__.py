"""circle15: 15-minute medical-insurance service circles 15分钟医保服务圈.

Data flow one way: read → project → measure → judge → draw / write. `study.assess` is the one door.
"""

import circle15.words as _words  # noqa: F401 - from here on every error reads as its sentences

__version__ = "0.1.0"
