"""Named, independent random streams.

The only file that may make a random number generator; must not hold a shared one.
"""

import random
from hashlib import blake2b


class Streams:
    """Streams derived from a run's seed.

    The same name gives the same numbers, whatever else the run draws.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def stream(self, subsystem: str, entity: str = "") -> random.Random:
        """A generator (Mersenne Twister) seeded with a BLAKE2b digest of seed, subsystem and entity."""
        name = f"{self._seed}/{subsystem}/{entity}".encode()
        return random.Random(int.from_bytes(blake2b(name, digest_size=16).digest()))
