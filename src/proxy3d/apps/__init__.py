"""Programs that take a Scene and an Answer and never a model."""
