"""A vector per patch."""
