"""Keys for a bus over tcp, and who they belong to. Must not open sockets.

CURVE alone lets in whoever knows the server's public key. Who is let in is decided by a ZAP handler
(https://rfc.zeromq.org/spec/27), which answers for every handshake: :meth:`KeyRing.answer_zap`.
"""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta, Struct

from bus.errors import InputError, RefusedError

KEY_CHARACTERS = 40
ZAP_DOMAIN = "trinity"

Key = Annotated[str, Meta(min_length=KEY_CHARACTERS, max_length=KEY_CHARACTERS)]
"""Z85 text of a Curve25519 key (https://rfc.zeromq.org/spec/32)."""

_ZAP_VERSION = b"1.0"
_ZAP_PARTS_COUNT = 7
"""Version, request id, domain, address, identity, mechanism, and the one credential of CURVE."""


class KeyPair(Struct, frozen=True):
    public: Key
    secret: Key

    def __repr__(self) -> str:
        return f"KeyPair(public={self.public!r}, secret=...)"


class ClientKeys(Struct, frozen=True):
    """What one agent's process needs to be let in. Pass it on stdin: no other process can read that."""

    server_public: Key
    pair: KeyPair


class KeyRing:
    """The public keys that are let in, one for each agent: a new one shuts out the one before.

    May be read by the thread of the ZAP handler while another thread changes it.
    """

    def __init__(self) -> None:
        self._user_id_of_name: dict[str, str] = {}

    def put(self, name: str, public: bytes) -> None:
        """``public`` is the key itself, 32 bytes."""
        self._user_id_of_name[name] = public.hex()

    def refusal(self, name: str, user_id: str) -> str | None:
        """Why a connection with this ``User-Id`` may not speak as ``name``; None if it may."""
        if self._user_id_of_name.get(name) == user_id:
            return None
        return "the connection's key is not that agent's present key"

    def answer_zap(self, request: Sequence[bytes]) -> list[bytes]:
        """The reply to a ZAP request: 200 and the key as user id for a key on the ring, else 400."""
        if len(request) != _ZAP_PARTS_COUNT or request[0] != _ZAP_VERSION:
            return [_ZAP_VERSION, request[1] if len(request) > 1 else b"", b"400", b"not CURVE", b"", b""]
        _, request_id, domain, _, _, mechanism, public = request
        user_id = public.hex()
        is_known = user_id in tuple(self._user_id_of_name.values())
        if is_known and mechanism == b"CURVE" and domain == ZAP_DOMAIN.encode():
            return [_ZAP_VERSION, request_id, b"200", b"OK", user_id.encode(), b""]
        return [_ZAP_VERSION, request_id, b"400", b"unknown key", b"", b""]


def check_listen(listen: str | None, has_keys: bool) -> None:
    """Check where a sequencer listens; None is a Unix socket of its own.

    Raises:
        InputError: another kind of address than tcp, or keys for a Unix socket.
        RefusedError: tcp without keys.
    """
    if listen is None and not has_keys:
        return
    if listen is None or not listen.startswith("tcp://"):
        raise InputError(f"a bus with keys listens on tcp://ADDRESS:PORT, not on {listen!r}")
    check_endpoint(listen, has_keys)


def check_endpoint(endpoint: str, has_keys: bool) -> None:
    """Raises RefusedError for tcp without keys, on loopback too: every user of the machine can reach that."""
    if endpoint.startswith("tcp://") and not has_keys:
        raise RefusedError(
            f"{endpoint}: a bus over tcp without keys would let anybody in; give it keys, or leave the "
            "address out for a socket of this user"
        )
