"""Plans 规划数据: one TOML file a city beside the published text."""
