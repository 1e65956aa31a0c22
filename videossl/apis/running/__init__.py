"""From a config and command-line arguments to a training or a test."""
