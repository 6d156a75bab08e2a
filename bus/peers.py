"""Who may speak as which agent, and who tried without being allowed to. Must not open sockets.

A name that somebody claims proves nothing. What counts is what the claimant cannot choose: the process id
that the kernel tells (SO_PEERCRED, unix(7)), or the public key that a CURVE handshake proved.
"""

from typing import NamedTuple

STRANGERS_MAX = 1_000
"""Strangers that are remembered and reported; frames of any further one are only counted."""
SHOWN_CHARACTERS_MAX = 64
"""Of a name that a stranger claims."""


class Credentials(NamedTuple):
    """What the kernel or a handshake says about the other end; None for what it does not say."""

    uid: int | None
    gid: int | None
    pid: int | None


class Stranger(NamedTuple):
    """Somebody whose frames are dropped; reported once for each name, uid and pid."""

    name: str
    """As claimed, cut to 64 characters; empty when none was."""
    uid: int | None
    """None over tcp, where no kernel vouches for the other end; so for gid and pid."""
    gid: int | None
    pid: int | None
    reason: str


class Peers:
    """The expected agents, and the strangers.

    Until :meth:`expect` is called for the first time, every name is welcome.
    """

    def __init__(self) -> None:
        self._pids: dict[str, int | None] = {}
        self._seen: set[tuple[str, int | None, int | None]] = set()
        self._untold: list[Stranger] = []
        self.refused_frame_count = 0

    def expect(self, name: str, pid: int | None) -> None:
        """From now on only this process may speak as ``name``; None: any process that could connect."""
        self._pids[name] = pid

    def refusal(self, name: str, credentials: Credentials) -> str | None:
        """Why this process may not speak as ``name``; None if it may."""
        if not self._pids:
            return None
        if name not in self._pids:
            return f"no agent is called so; expected are {', '.join(self._pids)}"
        expected = self._pids[name]
        if expected is not None and credentials.pid != expected:
            return f"the agent is process {expected}"
        return None

    def refuse(self, name: str, credentials: Credentials, reason: str) -> None:
        """Count a dropped frame, and remember who sent it."""
        self.refused_frame_count += 1
        shown = name[:SHOWN_CHARACTERS_MAX]
        key = (shown, credentials.uid, credentials.pid)
        if key in self._seen or len(self._seen) >= STRANGERS_MAX:
            return
        self._seen.add(key)
        self._untold.append(Stranger(shown, *credentials, reason))

    def take_strangers(self) -> list[Stranger]:
        """Those not reported yet, in the order of their first frame."""
        untold, self._untold = self._untold, []
        return untold
