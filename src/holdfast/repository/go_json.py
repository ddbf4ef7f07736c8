"""JSON as Go's encoding/json writes it, so that equal trees get equal ids whether restic or Holdfast wrote them.

Go escapes `<`, `>`, `&`, U+2028 and U+2029 inside strings; msgspec, which encodes everything else the same way, does not.
Names of nodes are further wrapped by Go's strconv.Quote, which is how restic keeps names that are not UTF-8.
"""

from __future__ import annotations

import re
import sys
from typing import TypeVar

import msgspec

from holdfast.codec import typed_json
from holdfast.errors import DamagedData

Decoded = TypeVar("Decoded")

_encoder = msgspec.json.Encoder()

# None of these bytes can stand outside a string in JSON, so replacing them in the encoded text is safe.
_HTML = (
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"&", b"\\u0026"),
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
)


def encode(value: object) -> bytes:
    """One JSON text. Struct fields keep their order; fields at their default are left out where the Struct says so."""
    text = _encoder.encode(value)
    for plain, escaped in _HTML:
        if plain in text:
            text = text.replace(plain, escaped)
    return text


def decode(text: bytes | memoryview | msgspec.Raw, shape: type[Decoded], what: str) -> Decoded:
    """The value in a JSON text. Raises DamagedData, saying that `what` is damaged, for anything else."""
    try:
        return typed_json.decode(text, shape)
    except (ValueError, RecursionError) as error:  # msgspec's own errors and UnicodeDecodeError are ValueErrors
        raise DamagedData(f"{what} is damaged", why=f"its JSON is not what the format says: {error}") from error


_SHORT_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}
_LONG_ESCAPES = {value: key for key, value in _SHORT_ESCAPES.items()}
_PLAIN = re.compile(rb"[A-Za-z0-9._:@%+=,~ -]*")


def is_plain(name: bytes) -> bool:
    """Whether neither Go nor JSON writes the name in any other way than it is."""
    return _PLAIN.fullmatch(name) is not None


def quote_name(name: bytes) -> str:
    """The body of Go's strconv.Quote for a file name."""
    if is_plain(name):
        return name.decode("ascii")
    quoted = []
    for character in name.decode("utf-8", "surrogateescape"):
        code = ord(character)
        if character in _SHORT_ESCAPES:
            quoted.append(_SHORT_ESCAPES[character])
        elif 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
            quoted.append(f"\\x{code - 0xDC00:02x}")
        elif code < 0x20 or code == 0x7F:
            quoted.append(f"\\x{code:02x}")
        elif character.isprintable():
            quoted.append(character)
        else:
            quoted.append(f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")
    return "".join(quoted)


_ESCAPE = re.compile(
    r"""\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.)|$)|["\n]""", re.DOTALL
)


def unquote_name(quoted: str) -> bytes:
    """The file name that `quote_name` wrapped. Raises ValueError for text that Go's strconv.Unquote refuses."""
    if "\\" not in quoted and '"' not in quoted and "\n" not in quoted:  # nothing that _ESCAPE finds: nearly all names
        return quoted.encode("utf-8")
    out = bytearray()
    position = 0
    for match in _ESCAPE.finditer(quoted):
        out += quoted[position : match.start()].encode("utf-8")
        position = match.end()
        byte, short, long, octal, single = match.groups()
        if byte is not None:
            out.append(int(byte, 16))
        elif octal is not None and int(octal, 8) < 256:
            out.append(int(octal, 8))
        elif (digits := short or long) is not None and int(digits, 16) <= sys.maxunicode:
            out += chr(int(digits, 16)).encode("utf-8")
        elif single is not None and (escape := _LONG_ESCAPES.get("\\" + single)) is not None:
            out += escape.encode("utf-8")
        else:
            raise ValueError(f"bad escape in the name {quoted!r:.80}")
    out += quoted[position:].encode("utf-8")
    return bytes(out)
