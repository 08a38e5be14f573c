"""Judge 研判: numbers against rules; never measures anything itself."""
