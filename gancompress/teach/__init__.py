"""Training a teacher where there is none."""
