"""How deeply a JSON text is nested, before anybody decodes it. Must not decode.

A decoder that recurses can run out of stack on a small thread, and then the process is gone, not the frame.
The check is not one of the grammar: text that is no JSON may pass and is the decoder's to refuse. But no
text passes of which any decoder could read so much that it were deeper than the bound.
"""

from bus.errors import ProtocolError

NESTING_DEPTH_MAX = 32
"""Arrays and objects within each other; the deepest frame of the bus has 9."""

_OTHERS = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_OBJECTS_AS_ARRAYS = bytes.maketrans(b"{}", b"[]")


def check_nesting(text: bytes) -> None:
    """Raises ProtocolError when arrays and objects are nested deeper than :data:`NESTING_DEPTH_MAX`."""
    if text.count(b"[") + text.count(b"{") <= NESTING_DEPTH_MAX:
        return
    brackets = _brackets(text)
    for _ in range(NESTING_DEPTH_MAX):
        # The innermost level goes, all over the text; each step is one pass in C.
        peeled = brackets.replace(b"[]", b"")
        if len(peeled) == len(brackets):
            break
        brackets = peeled
    if brackets:
        raise ProtocolError(f"arrays and objects are nested deeper than {NESTING_DEPTH_MAX}, or not closed")


def _brackets(text: bytes) -> bytes:
    """The brackets that are not part of a string (RFC 8259, section 7), all of them square."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    # What is left of a string without brackets is two quotes: taken out first, as most strings are such.
    quoted = text.translate(_OBJECTS_AS_ARRAYS, _OTHERS).replace(b'""', b"")
    return b"".join(quoted.split(b'"')[::2])
