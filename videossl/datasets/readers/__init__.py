"""From a file to its frames."""

from .errors import DecoderLost, VideoReadError
from .pyav_reader import PyAVReader

__all__ = ['DecoderLost', 'PyAVReader', 'VideoReadError']
