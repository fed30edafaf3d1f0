"""A recipe for a generator that nobody has described yet: what it is fed is found by trying."""
