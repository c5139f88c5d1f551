"""XML files of any encoding, without entities: shared by the readers of XML formats."""

import binascii
import re
from base64 import b64decode
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ..checks import Rejected, rejecting, text_encoding

DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
ENCODING = re.compile(rb"""<\?xml[^>]*encoding\s*=\s*["']([\w.-]+)""")


def looks_like_xml(data: bytes) -> bool:
    """Whether a file begins with a tag."""
    start = data[:200]
    return start.decode(text_encoding(start), "ignore").lstrip().startswith("<")


def parse(data: bytes) -> Element:
    """The root of a document, names without their namespaces; raises Rejected.

    The declared encoding may be wrong: exports are often converted. Declared and external entities
    are refused: they can expand without end or read files.
    """
    try:
        root = fromstring(DECLARATION.sub("", _text(data), count=1))
    except DefusedXmlException:
        raise Rejected("refused: the XML declares entities, which no ECG export needs") from None
    except (ParseError, UnicodeDecodeError, LookupError, ValueError):
        raise Rejected("damaged: not well-formed XML; truncated?") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _text(data: bytes) -> str:
    encoding = text_encoding(data[:4])
    declared = ENCODING.search(data[:200])
    marked = data.startswith(b"\xef\xbb\xbf")
    if encoding == "utf-8-sig" and declared and not marked and b"16" not in declared[1]:
        encoding = declared[1].decode("ascii")
    return data.decode(encoding)


def text_of(element: Element | None, path: str, default: str = "") -> str:
    """The stripped text of an element at path; the default if it is missing or empty."""
    found = None if element is None else element.find(path)
    return default if found is None else (found.text or "").strip() or default


def number_of(element: Element | None, path: str, default: float = np.nan) -> float:
    """The number at path; the default if it is missing. Raises Rejected for other text."""
    text = text_of(element, path)
    with rejecting(f"damaged: {path} is no number", ValueError):
        return float(text) if text else default


def samples_of(text: str | None, lead: str | None, separator: str | None = ",") -> np.ndarray:
    """Samples from decimal numbers; raises Rejected naming the lead."""
    values = (text or "").strip().strip(separator).split(separator)
    with rejecting(f"damaged: the samples of lead {lead} are no numbers", ValueError):
        return np.array(values, dtype=float)


def base64_of(text: str | None, where: str) -> bytes:
    """Bytes from base64; raises Rejected naming where they are."""
    with rejecting(f"damaged: {where} is not base64", binascii.Error):
        return b64decode(text or "")
