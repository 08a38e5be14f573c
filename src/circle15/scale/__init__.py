"""A province or the nation in one pass 省域、全国一遍算清: the population raster block by block."""
