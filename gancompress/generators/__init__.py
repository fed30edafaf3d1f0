"""Architectures: plain modules that know nothing of compression."""
