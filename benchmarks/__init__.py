"""Ratios against what a user would use instead 性能对比: each contest in one run, with peak memory beside it."""
