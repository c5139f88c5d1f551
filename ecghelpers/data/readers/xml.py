"""XML files of any encoding, without entities: shared by the readers of XML formats."""

import binascii
import re
from base64 import b64decode
from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ..checks import Rejected, rejecting, text_encoding

START = re.compile(r"[^<]*(<\?xml[^>]*\?>)?")  # the declaration, and what conversions put before it
# What XML forbids, but some exports have in their free text and behind their end: control
# characters, and & without a known name.
FORBIDDEN = re.compile(
    r"[\0-\x08\x0b\x0c\x0e-\x1f]|&#x0*(?:[0-8bcef]|1[\da-f]);|&(?!#|(?:amp|lt|gt|quot|apos);)",
    re.IGNORECASE,
)


def looks_like_xml(data: bytes) -> bool:
    """Whether a file begins with a tag or a declaration."""
    start = data[:200].decode(text_encoding(data[:4]), "ignore").lstrip()
    return start.startswith("<") or "<?xml" in start[:8]


def parse(data: bytes) -> Element:
    """The root of a document, names without their namespaces; raises Rejected.

    Declared and external entities are refused: they can expand without end or read files.
    """
    try:
        root = fromstring(FORBIDDEN.sub("", START.sub("", _text(data), count=1)))
    except DefusedXmlException:
        raise Rejected("refused: the XML declares entities, which no ECG export needs") from None
    except (ParseError, ValueError):
        raise Rejected("damaged: not well-formed XML; truncated?") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _text(data: bytes) -> str:
    """The text. Declared encodings are often wrong, and only ASCII is needed from any other."""
    try:
        return data.decode(text_encoding(data[:4]))
    except UnicodeDecodeError:
        return data.decode("latin-1")


def text_of(element: Element | None, path: str, default: str = "") -> str:
    """The stripped text of an element at path; the default if it is missing or empty."""
    found = None if element is None else element.find(path)
    return default if found is None else (found.text or "").strip() or default


def number_of(element: Element | None, path: str, default: float = np.nan) -> float:
    """The number at path; the default if it is missing. Raises Rejected for other text.

    A decimal comma is accepted.
    """
    text = text_of(element, path).replace(",", ".")
    with rejecting(f"damaged: {path} is not a number", ValueError):
        return float(text) if text else default


def samples_of(text: str | None, lead: str | None, separator: str | None = ",") -> np.ndarray:
    """Samples from decimal numbers; raises Rejected naming the lead."""
    values = (text or "").strip().strip(separator).split(separator)
    with rejecting(f"damaged: the samples of lead {lead} are not numbers", ValueError):
        return np.array(values, dtype=float)


def base64_of(text: str | None, where: str) -> bytes:
    """Bytes from base64; raises Rejected naming where they are."""
    with rejecting(f"damaged: {where} is not base64", binascii.Error):
        return b64decode(text or "")
