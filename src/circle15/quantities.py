"""Units and names of arrays that every room speaks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Small = NDArray[np.int32]
Flags = NDArray[np.bool_]

Progress = Callable[[str, int, int], None]
"""Told of long work: id of the step, how many are done, of how many."""

M2_PER_KM2 = 1e6
PER_10K = 10_000
"""Residents that rates of institutions are told for 每万人."""
DISTANCE_TOLERANCE_M = 1e-6
"""A distance counts as within a radius up to this much beyond it, so that 800.000 m is inside 800 m."""
M_PER_DEGREE = 111_320.0
"""Length of a degree of longitude at the equator; of latitude about that."""
LEAST_M_PER_DEGREE = 110_500.0
"""No degree of latitude, nor of longitude at the equator, is shorter: what searches may rely on."""
EARTH_A_M = 6378137.0
"""Half the longer axis of WGS 84."""
EARTH_E2 = 0.0066943799901413165
"""Square of the eccentricity of WGS 84."""
