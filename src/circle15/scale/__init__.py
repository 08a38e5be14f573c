"""A province or the nation in one pass 省域、全国一遍算清: blocks of the population raster, one after another or spread."""
