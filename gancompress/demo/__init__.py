"""A local page on which a person plays with a generator and its small copies."""
