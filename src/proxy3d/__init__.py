"""Answer questions about a 3D scene from a handful of proxy tokens."""
