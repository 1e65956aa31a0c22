"""Errors that are the user's to fix. The command-line tools print their message alone, without a traceback."""


class UserError(Exception):
    """An error whose message tells the user what to change."""


class CheckpointError(UserError, RuntimeError):
    """A checkpoint that cannot be read, is of another model, or cannot be converted."""


class WriteError(UserError, OSError):
    """A file that could not be written, as on a full disk: ``WriteError(errno, message)``. The message names the file and
    says what is safe."""

    def __str__(self) -> str:
        return str(self.args[-1])


class CommandFailed(UserError, RuntimeError):
    """A command that a recipe or a study started has ended with an error. The message has the end of what it printed."""


class MissingFile(UserError, FileNotFoundError):
    """A file or folder that a config or an option names, and that does not exist."""


class ConfigError(UserError, ValueError):
    """A value of a config or of an option that cannot be used. The message names the key and the remedy."""
