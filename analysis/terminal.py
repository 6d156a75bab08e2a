"""Which characters steer a terminal or turn text round, and what takes their place. Must not print.

The text of events comes from anywhere. C0 and C1 controls move the cursor, set the title or fill the
clipboard (ECMA-48, xterm's OSC 52); bidirectional controls show text in another order than it has
(CVE-2021-42574).
"""

SHOWN_INSTEAD = "\ufffd"
_BIDIRECTIONAL = (0x061C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
_INVISIBLE = (0x200B, 0xFEFF, *range(0xFFF9, 0xFFFC))
_SURROGATES = range(0xD800, 0xE000)
"""Bytes of a file name that are no UTF-8 come as these, and no terminal takes them."""
_STEERING = (*range(32), *range(127, 160), *_BIDIRECTIONAL, *_INVISIBLE)
_REPLACED = dict.fromkeys((*_STEERING, *_SURROGATES, *range(0xE0000, 0xE0080)), SHOWN_INSTEAD)
# JSON escapes C0 by itself; the others occur in its strings alone.
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in _STEERING if code >= 127}


def safe(text: str) -> str:
    """Text that only shows, on one line."""
    return text.replace("\n", " ").replace("\t", " ").translate(_REPLACED)


def safe_json(encoded: bytes) -> bytes:
    """The same JSON, with escapes for characters that are more than text to a terminal."""
    if encoded.isascii() and b"\x7f" not in encoded:
        return encoded
    return encoded.decode().translate(_JSON_ESCAPES).encode()
