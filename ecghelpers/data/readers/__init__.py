"""The table of file formats: how a file is recognised, and the function that reads it.

A reader takes a ``Source`` (for XML also its root) and returns a ``Recording`` or raises
``Rejected``. To add a format, add a module and a row.
"""

import contextlib
import gzip
import io
import os
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

from ..checks import MOST_BYTES, Rejected, read_bytes, rejecting
from ..recording import Recording, Source
from . import aecg, cardiosoft, dicom, edf, ge12sl, hdf5, muse, philips, schiller, scp, wfdb, xml

XML_FORMATS: dict[str, Callable] = {  # by the last part of the root's name
    "RestingECG": muse.read,
    "CardiologyXML": cardiosoft.read,
    "AnnotatedECG": aecg.read,
    "restingecgdata": philips.read,
    "SchillerEDI": schiller.read,
}
FORMATS: tuple[tuple[str, Callable[[Source], bool], Callable[[Source], Recording]], ...] = (
    ("DICOM", lambda source: dicom.is_dicom(source.data), dicom.read),
    ("SCP-ECG", lambda source: scp.is_scp(source.data), scp.read),
    ("EDF", lambda source: edf.is_edf(source.data), edf.read),
    ("XML", lambda source: xml.looks_like_xml(source.data), lambda source: _read_xml(source)),
    ("HDF5", lambda source: hdf5.is_hdf5(source.data), hdf5.read),
    ("12SL CSV", lambda source: ge12sl.is_csv(source.data), ge12sl.read),
    ("WFDB", wfdb.is_header, wfdb.read),
)
OTHER_KINDS = {
    b"%PDF": "a PDF",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
    b"GIF8": "an image",
    b"ISHNE": "a Holter ECG",
    b"\xd0\xcf\x11\xe0": "an Office file, or an encrypted one",
    b"version https://git-lfs": "a Git LFS pointer; fetch the file itself",
}


def read_recording(
    source: str | Path | bytes, name: str = "", beside: Mapping[str, bytes] | None = None
) -> Recording:
    """The ECG in a file of any supported format, recognised by its content.

    source: a path, or a file's bytes together with its name. beside: name → bytes of accompanying
    files, such as a WFDB header's signals; for a path, the files in its folder. Raises ValueError
    with one line that names the fault and contains nothing of the file's content.
    """
    if isinstance(source, bytes):
        files = dict(beside or {})
        return read_source(Source(name or "upload", source, files.__getitem__))
    path = Path(source)
    for header in (path.with_suffix(".hea"), Path(f"{path}.hea")):
        if wfdb.belongs(str(path), [str(header.with_suffix(""))]) and header.is_file():
            path = header
    return read_source(with_folder(path))


def with_folder(file, member: str = "") -> Source:
    """A file, or a member of a ZIP file, with access to the others of its folder."""
    path = PurePosixPath(member) if member else Path(file)

    def beside(name: str) -> bytes:
        other = path.with_name(name)
        return read_member(file, str(other)) if member else read_bytes(other)

    return Source(path.name, beside(path.name), beside)


@rejecting("unreadable:")
def read_source(source: Source) -> Recording:
    """As read_recording; raises Rejected for any fault."""
    source = _unpacked(source)
    data = source.data
    if not data:
        raise Rejected("empty: 0 bytes")
    for start, kind in OTHER_KINDS.items():
        if data.startswith(start):
            raise Rejected(f"not an ECG: {kind}")
    for _, matches, read in FORMATS:
        if matches(source):
            with warnings.catch_warnings(action="ignore"):  # libraries quote what they read
                return read(source)
    names = ", ".join(name for name, *_ in FORMATS)
    raise Rejected(f"not an ECG: none of the formats {names}; damaged or encrypted?")


def _read_xml(source: Source) -> Recording:
    root = xml.parse(source.data)
    if read := XML_FORMATS.get(root.tag.rpartition(".")[2]):
        return read(source, root)
    other = re.search("stress|exercise|holter", root.tag, re.IGNORECASE)
    kind = "an exercise or Holter ECG" if other else "XML of another kind"
    raise Rejected(f"not a resting ECG: {kind}; known roots: {', '.join(XML_FORMATS)}")


def _unpacked(source: Source, depth: int = 2) -> Source:
    """The file inside a gzip file, or the only ECG inside a ZIP file; other files unchanged.

    depth: how many such files may lie in each other.
    """
    if not depth:
        return source
    if source.data.startswith(b"\x1f\x8b"):
        with rejecting("damaged: gzip; truncated?", OSError, EOFError, zlib.error):
            data = gzip.GzipFile(fileobj=io.BytesIO(source.data)).read(MOST_BYTES + 1)
        name = source.name[:-3] if source.name.lower().endswith(".gz") else source.name
        return _unpacked(replace(source, name=name, data=_bounded(data)), depth - 1)
    if source.data.startswith(b"PK\x03\x04"):
        file = io.BytesIO(source.data)
        members = zip_members(file)
        names = [name for name in members if name.lower().endswith(".hea")] or members
        if len(names) != 1:
            raise Rejected(f"a ZIP file of {len(names)} files: unpack it, or give its folder")
        return _unpacked(with_folder(file, names[0]), depth - 1)
    return source


def _bounded(data: bytes) -> bytes:
    if len(data) > MOST_BYTES:
        raise Rejected(f"too large: more than {MOST_BYTES} bytes when unpacked")
    return data


def zip_members(file) -> list[str]:
    """Names of the files in a ZIP file, without hidden files; raises Rejected."""
    with _open_zip(file) as archive:
        names = [info.filename for info in archive.infolist() if not info.is_dir()]
    if "[Content_Types].xml" in names:
        raise Rejected("not an ECG: an Office file")
    parts = {name: name.split("/") for name in names}
    return [n for n, p in parts.items() if not any(x.startswith((".", "__MACOSX")) for x in p)]


def read_member(file, name: str) -> bytes:
    """A member of a ZIP file; raises Rejected, or KeyError if it is missing."""
    with _open_zip(file) as archive, archive.open(name) as member:
        return _bounded(member.read(MOST_BYTES + 1))


@lru_cache(maxsize=1)
def _archive(path: str, *version: int) -> zipfile.ZipFile:
    """An open ZIP file: to read its directory for each of its files would take hours for 10 000.

    version: of the file, and the process, as processes must not share an open file.
    """
    return zipfile.ZipFile(path)


@contextlib.contextmanager
def _open_zip(file) -> Iterator[zipfile.ZipFile]:
    """Open a ZIP file; raises Rejected for its faults, here or in the block."""
    try:
        if isinstance(file, io.IOBase):
            yield zipfile.ZipFile(file)
        else:
            yield _archive(str(file), os.stat(file).st_mtime_ns, os.getpid())
    except Rejected:
        raise
    except RuntimeError as error:  # NotImplementedError is one
        if "encrypt" in str(error):
            raise Rejected("encrypted: ZIP file") from None
        raise Rejected("not supported: compression of the ZIP file; unpack it") from None
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, zlib.error):
        raise Rejected("damaged: ZIP file; truncated?") from None
