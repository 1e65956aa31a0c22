"""Training and testing from a config and command-line arguments."""
