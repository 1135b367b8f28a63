"""How good is it: benchmarks with their chance level, and metrics worked out by hand."""
