"""Console: everything that is printed, by Python, libraries or child processes, also kept as log lines.

File descriptors 1 and 2 become pipes; a thread reads them, copies the first bytes to where they went before and cuts
them into lines. User code may close or replace its streams: the copies of the originals are not reachable for it.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import deque
from datetime import datetime, timedelta, timezone
from typing import TypedDict

from ainimal_zookeeper.domain.lifecycle import timestamp

from .discretion import Discretion

LINE_BYTES = 4_000
PENDING_LINES = 2_000
TAKEN_CHARACTERS = 150_000  # each may take six bytes as JSON, and a report's lines become one document of 1 MiB
COPIED_BYTES = 8 * 2**20  # of each stream: where they go may be a file that nobody shortens
_CHUNK = 65_536


class Line(TypedDict):
    at: str
    stream: str
    text: str


class Lines:
    """Log lines that wait to be sent. Thread-safe; when nobody takes them the oldest go, and their number is told."""

    def __init__(self, capacity: int = PENDING_LINES, discretion: Discretion | None = None) -> None:
        self._capacity = capacity
        self.discretion = discretion or Discretion()
        self._pending: deque[Line] = deque()
        self._lost = 0
        self._lock = threading.Lock()
        self._recent: deque[Line] = deque(maxlen=200)
        self._at = datetime.min.replace(tzinfo=timezone.utc)  # of the newest line
        self._count = 0

    def add(self, stream: str, text: str) -> None:
        with self._lock:
            # No two lines have the same time: it is how a line is known again that comes by two ways.
            self._at = max(datetime.now(timezone.utc), self._at + timedelta(microseconds=1))
            line: Line = {"at": timestamp(self._at), "stream": stream, "text": self.discretion.text(text)}
            self._count += 1
            self._recent.append(line)
            self._pending.append(line)
            if len(self._pending) > self._capacity:
                self._pending.popleft()
                self._lost += 1

    @property
    def count(self) -> int:
        """How many lines there were since the start."""
        return self._count

    @property
    def waiting(self) -> bool:
        return bool(self._pending)

    def take(self, most: int = 500) -> list[Line]:
        """Returns and forgets up to `most` lines, oldest first, as many as one report holds."""
        taken: list[Line] = []
        left = TAKEN_CHARACTERS
        with self._lock:
            while self._pending and len(taken) < most and (left >= len(self._pending[0]["text"]) or not taken):
                left -= len(self._pending[0]["text"])
                taken.append(self._pending.popleft())
            lost, self._lost = self._lost, 0
        if lost and taken:
            note: Line = {"at": taken[0]["at"], "stream": "zoo", "text": f"{lost} lines were printed too fast to keep"}
            taken.insert(0, note)
        return taken

    def since(self, count: int) -> tuple[list[Line], int]:
        """Returns the kept lines (200 at most) that came after the first `count`, and the new count."""
        with self._lock:
            fresh = min(self._count - count, len(self._recent))
            return (list(self._recent)[-fresh:] if fresh > 0 else []), self._count


class LineCutter:
    """Cuts bytes into lines: a carriage return starts the line anew, as on a terminal; garbage becomes `\\ufffd`."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[str]:
        """Returns the lines that `data` completes; overlong ones in pieces."""
        *whole, rest = (self._rest + data).split(b"\n")
        lines = [text for line in whole for text in _pieces(line)]
        while len(rest) > LINE_BYTES:
            lines.append(_text(rest[:LINE_BYTES]))
            rest = rest[LINE_BYTES:]
        self._rest = rest
        return lines

    def flush(self) -> list[str]:
        """Returns what stands without a line end."""
        rest, self._rest = self._rest, b""
        return _pieces(rest) if rest else []


class Console:
    """The captured streams of this process; `start` once, `close` puts the originals back."""

    def __init__(self, lines: Lines, *, copied_bytes: int = COPIED_BYTES) -> None:
        self.lines = lines
        self._copied_bytes = copied_bytes
        self._originals: dict[str, int] = {}
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        for descriptor, name, stream in ((1, "stdout", sys.stdout), (2, "stderr", sys.stderr)):
            if hasattr(stream, "reconfigure"):  # before the pipe is there: it asks where in a file the stream stands
                stream.reconfigure(line_buffering=True, errors="replace")
            original = os.dup(descriptor)
            reading, writing = os.pipe()
            os.dup2(writing, descriptor)
            os.close(writing)
            self._originals[name] = original
            thread = threading.Thread(
                target=self._read, args=(reading, original, name), name=f"zoo-{name}", daemon=True
            )
            thread.start()
            self._threads.append(thread)

    @property
    def original_stderr(self) -> int:
        """Descriptor of where standard error went before: what crashes write survives there."""
        return self._originals["stderr"]

    def close(self, patience_s: float = 0.5) -> None:
        """Puts the original streams back and waits until what was printed is read.

        A child process that still holds the pipe keeps its reader alive; it is left alone after `patience_s`.
        """
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):  # user code closed or replaced it
                stream.flush()
        for descriptor, name in ((1, "stdout"), (2, "stderr")):
            if name in self._originals:
                os.dup2(self._originals[name], descriptor)
        deadline = time.monotonic() + patience_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _read(self, reading: int, original: int, name: str) -> None:
        cutter = LineCutter()
        left = self._copied_bytes
        while data := os.read(reading, _CHUNK):
            if left > 0:
                _write_all(original, self.lines.discretion.printed(data[:left]))
                left -= len(data)
                if left <= 0:
                    _write_all(original, b"\n[zoo] what is printed from here on is in the instance's log alone\n")
            for text in cutter.feed(data):
                self.lines.add(name, text)
        for text in cutter.flush():
            self.lines.add(name, text)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    with contextlib.suppress(OSError):  # whoever read the original stream has gone
        while view:
            view = view[os.write(descriptor, view) :]


def _pieces(line: bytes) -> list[str]:
    shown = line.rstrip(b"\r").rsplit(b"\r", 1)[-1]
    return [_text(shown[start : start + LINE_BYTES]) for start in range(0, max(len(shown), 1), LINE_BYTES)]


def _text(data: bytes) -> str:
    # NUL breaks JSON columns of some stores, and other control characters break terminals that show the log.
    decoded = data.decode("utf-8", "replace")
    return "".join(char if char >= " " or char in "\t\x1b" else "\ufffd" for char in decoded)
