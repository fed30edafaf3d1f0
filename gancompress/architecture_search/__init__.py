"""Which subnet is best for a budget."""
