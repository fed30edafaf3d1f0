"""Make any generator small."""
