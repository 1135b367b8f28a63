"""Scores as pure functions of text and boxes."""
