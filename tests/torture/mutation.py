"""Changes bytes at random, quickly and repeatably. Must not know what they say."""

from collections.abc import Callable, Sequence
from random import Random

INTERESTING = (
    b'"', b"\\", b"\\\\", b"[", b"]", b"{", b"}", b",", b":", b"\0", b"\n", b"\x1b[2J", b"\xff", b"\xc3",
    b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"null", b"true", b"-1", b"1e309", b"1.5", b"NaN", b"[" * 64,
    b'{"a":' * 64, b"9223372036854775807", b"9223372036854775808", b"18446744073709551616", b"0" * 400,
    b"-0", b"1E2", b'"op":"handled"', b',"crc":0', b"}\n{", b"\xe2\x80\xae", b"\xef\xbb\xbf",
)  # fmt: skip


def mutate(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """One to four changes; the result may by chance be what it was."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 4))):
        at = int(random.random() * (len(data) + 1))
        data = random.choice(CHANGES)(data, at, others, random)
    return data


def _flip_bit(data: bytes, at: int, others: Sequence[bytes], random: Random) -> bytes:
    if at == len(data):
        return data
    return data[:at] + bytes((data[at] ^ (1 << int(random.random() * 8)),)) + data[at + 1 :]


def _overwrite(data: bytes, at: int, others: Sequence[bytes], random: Random) -> bytes:
    return data[:at] + bytes((int(random.random() * 256),)) + data[at + 1 :]


def _insert(data: bytes, at: int, others: Sequence[bytes], random: Random) -> bytes:
    return data[:at] + random.choice(INTERESTING) + data[at:]


def _replace(data: bytes, at: int, others: Sequence[bytes], random: Random) -> bytes:
    token = random.choice(INTERESTING)
    return data[:at] + token + data[at + len(token) :]


def _delete(data: bytes, at: int, others: Sequence[bytes], random: Random) -> bytes:
    return data[:at] + data[at + 1 + int(random.random() * 8) :]


def _repeat(data: bytes, at: int, others: Sequence[bytes], random: Random) -> bytes:
    end = at + 1 + int(random.random() * 40)
    return data[:end] + data[at:]


def _cut(data: bytes, at: int, others: Sequence[bytes], random: Random) -> bytes:
    return data[:at]


def _splice(data: bytes, at: int, others: Sequence[bytes], random: Random) -> bytes:
    other = random.choice(others)
    return data[:at] + other[int(random.random() * (len(other) + 1)) :]


CHANGES: tuple[Callable[[bytes, int, Sequence[bytes], Random], bytes], ...] = (
    _flip_bit,
    _flip_bit,
    _overwrite,
    _overwrite,
    _insert,
    _replace,
    _delete,
    _repeat,
    _cut,
    _splice,
)
