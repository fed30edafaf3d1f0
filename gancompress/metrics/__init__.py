"""How good and how costly a generator is."""
