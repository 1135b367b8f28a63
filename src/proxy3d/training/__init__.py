"""Few short stages, one loop: which parameters move, on which data, for how long."""
