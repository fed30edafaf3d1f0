"""Frozen generators behind one protocol."""
