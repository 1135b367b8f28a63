"""Furnish a room, walk a camera through it, and render what it sees."""
