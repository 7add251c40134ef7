"""Archives of checkpoints as runners pack them, and the files of tensors in them."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

_NAMES = {
    "bool": "BOOL", "int8": "I8", "uint8": "U8", "int16": "I16", "uint16": "U16", "int32": "I32", "uint32": "U32",
    "int64": "I64", "uint64": "U64", "float16": "F16", "float32": "F32", "float64": "F64", "complex64": "C64",
}  # fmt: skip


def packed(files: Mapping[str, bytes]) -> bytes:
    """Returns a zip whose entries are stored as they are."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return archive.getvalue()


MARK = {"zoo.json": b'{"format": 2, "needsPickle": false}'}


def captured(tensors: Mapping[str, Any], **files: bytes) -> bytes:
    """Returns the archive of a model without `save`."""
    return packed({**MARK, "model/tensors.safetensors": safetensors(tensors), **files})


def saved(files: Mapping[str, bytes]) -> bytes:
    """Returns the archive of what `save` wrote."""
    return packed({**MARK, **{f"saved/{name}": content for name, content in files.items()}})


def safetensors(tensors: Mapping[str, Any]) -> bytes:
    header, body = dict[str, Any](), b""
    for name, values in tensors.items():
        array = np.asarray(values)
        data = array.tobytes()
        place = [len(body), len(body) + len(data)]
        header[name] = {"dtype": _NAMES[str(array.dtype)], "shape": list(array.shape), "data_offsets": place}
        body += data
    return framed(header, body)


def framed(header: Any, body: bytes) -> bytes:
    """Returns a file of safetensors with this very header."""
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def npy(values: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def npz(*, compressed: bool = False, **arrays: Any) -> bytes:
    file = io.BytesIO()
    (np.savez_compressed if compressed else np.savez)(file, **arrays)
    return file.getvalue()
