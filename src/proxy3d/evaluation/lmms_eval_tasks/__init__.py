"""Tasks for lmms-eval: one YAML per benchmark, whose `!function` lines name what is in `asking` and `scoring`."""
