"""Where images and pairs come from."""
