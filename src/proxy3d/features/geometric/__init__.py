"""A 3D position and a confidence per patch."""
