"""Lift patches into the world: one metric, z-up 3D point per patch."""
