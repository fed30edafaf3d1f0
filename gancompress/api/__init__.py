"""The public functions, one file a question; what they take is plain arguments, never a recipe."""
