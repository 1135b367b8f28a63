"""Rooms with exact truth, questions about them and questions from elsewhere, and one record for every question."""
