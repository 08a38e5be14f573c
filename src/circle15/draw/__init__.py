"""Draw 制图: self-contained pages that need no network."""
