"""What the user writes: the schema with every default, and strict loading."""
