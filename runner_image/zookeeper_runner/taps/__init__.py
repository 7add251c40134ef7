"""What is within a model: seen, changed and written through taps."""

from .taps import Taps

__all__ = ["Taps"]
