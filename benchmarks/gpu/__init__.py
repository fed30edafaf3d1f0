"""Longer jobs, for a machine with one GPU."""
