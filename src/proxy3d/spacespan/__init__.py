"""Rooms with exact truth, questions about them, and one record for every question."""
