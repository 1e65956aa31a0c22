"""Errors of reading a video. They survive pickling, so they pass from a loader's worker to the main process."""

from videossl.errors import UserError


class VideoReadError(UserError, RuntimeError):
    """A video cannot be read, or not as far as was asked.

    Args:
        filename: The video.
        reason: What went wrong, in words that follow the file's name.
    """

    def __init__(self, filename: str, reason: str) -> None:
        super().__init__(filename, reason)
        self.filename = filename
        self.reason = reason

    def __str__(self) -> str:
        return f'{self.filename}: {self.reason}'


class DecoderLost(VideoReadError):
    """A video took its decoder's process down, or kept it for too long."""
