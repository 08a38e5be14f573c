"""A simulated city, made anew from a seed 模拟城市：outlines, residents, institutions."""
