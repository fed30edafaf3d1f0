"""What each published family's tensors tell of the network that they are of."""
