"""How a student leaves the house."""
