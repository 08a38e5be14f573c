"""Coordinates made comparable 坐标: datum conversion and geodesic measures."""
