"""Errors that are the user's to fix. The command-line tools print their message alone, without a traceback."""


class UserError(Exception):
    """An error whose message tells the user what to change."""


class ConfigError(UserError, ValueError):
    """A value of a config or of an option that cannot be used. The message names the key and the remedy."""


def check_integer(name: str, value: object, least: int = 1) -> None:
    """Refuse a value that is not an integer of at least ``least``.

    Raises:
        ConfigError: it is not; the message begins with the name.
    """
    if type(value) is not int or value < least:
        raise ConfigError(f'{name} must be an integer of at least {least}, got {value!r}')
