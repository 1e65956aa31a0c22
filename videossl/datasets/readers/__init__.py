from .pyav_reader import PyAVReader

__all__ = ['PyAVReader']
