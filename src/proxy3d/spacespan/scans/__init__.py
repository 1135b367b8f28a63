"""Real rooms known by their boxes alone, made into the same rooms that the question families ask about."""
