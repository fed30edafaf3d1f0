"""One verb per file; each reads and writes one run directory."""
