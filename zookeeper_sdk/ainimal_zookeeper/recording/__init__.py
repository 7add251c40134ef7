"""Recordings: taking the values of each step, segments of them, and reading them back (docs/recordings.md).

Standard library and NumPy; zstandard is imported when something is compressed. Writing and reading know nothing of
instances, buckets or the API.
"""

from __future__ import annotations

from .channel import Channel as Channel
from .recording import Recording as Recording
from .recording import Series as Series
from .segment import Segment as Segment
from .sources import Folder as Folder
from .sources import Ranges as Ranges
from .sources import Source as Source
from .step_recorder import StepRecorder as StepRecorder

__all__ = ["Channel", "Folder", "Ranges", "Recording", "Segment", "Series", "Source", "StepRecorder"]
