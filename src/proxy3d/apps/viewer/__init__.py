"""See a scene and an answer in a browser."""
