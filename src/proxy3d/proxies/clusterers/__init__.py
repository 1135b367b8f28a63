"""Ways to turn points into proxies."""
