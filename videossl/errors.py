"""Errors that are the user's to fix. The command-line tools print their message alone, without a traceback."""


class UserError(Exception):
    """An error whose message tells the user what to change."""


class ConfigError(UserError, ValueError):
    """A value of a config or of an option that cannot be used. The message names the key and the remedy."""
