"""Summarise many points by few proxies."""
