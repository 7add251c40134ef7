"""The recorder: what an attempt does, kept on request or for a while, and sent to the bucket while it runs."""

from .recorder import Recorder as Recorder
