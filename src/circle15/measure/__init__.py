"""Measure 量算: circles, density, coverage, totals and gaps, as columns of numbers."""
