"""Archives that depend on what is in them and on nothing else: no clock, no umask, no order of a directory.

They are not compressed: another version of zlib would make other bytes, and with them another deployment.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping

_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip knows
_PLAIN_FILE = 0o100644
_UNIX = 3


def archive(files: Mapping[str, bytes]) -> bytes:
    """Returns a zip of `files`, contents by name with slashes."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as zipped:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _LONG_AGO)
            entry.create_system = _UNIX
            entry.external_attr = _PLAIN_FILE << 16
            zipped.writestr(entry, files[name])
    return written.getvalue()


def wheel(distribution: str, version: str, files: Mapping[str, bytes]) -> tuple[str, bytes]:
    """Returns the file name of a wheel of `files`, and the wheel.

    It names no dependencies: whoever installs it has listed and locked them already.
    """
    name = distribution.replace("-", "_")
    information = f"{name}-{version}.dist-info"
    contents = {
        **files,
        f"{information}/METADATA": f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n".encode(),
        f"{information}/WHEEL": b"Wheel-Version: 1.0\nGenerator: zoo\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{information}/RECORD"
    lines = [f"{path},sha256={_digest(content)},{len(content)}" for path, content in sorted(contents.items())]
    contents[record] = "\n".join([*lines, f"{record},,", ""]).encode()
    return f"{name}-{version}-py3-none-any.whl", archive(contents)


def _digest(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
