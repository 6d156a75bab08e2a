"""Every decoder of bytes from outside against mutated input, on a thread with a small stack.

Must not use sockets. An input is *wrongly accepted* when

* it is a line or a manifest with a CRC, and it is taken though its bytes are not among those that were sealed
  (but for newlines at its end, which are no part of it), or
* it is a frame of an agent, and it is taken though Python's own ``json`` refuses it, or
* it is anything else, and it is taken though ``json`` finds another value in any member that was taken. What
  a decoder skips is not taken: a member that it does not know, a body that it leaves as text.

A *crash* is a process that died, or any exception that is none of Trinity's.
"""

import json
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from time import monotonic
from typing import NamedTuple

import msgspec

from bus import codec, wire
from bus.errors import TrinityError
from simulator.events_file import read_events_file
from store.manifest import read_manifest
from tests.torture.mutation import mutate
from tests.torture.outcome import Effort, Outcome
from tests.torture.samples import SEALED_AFTER_CRC, Samples, samples

ROOT = Path(__file__).parents[2]
STACK_BYTES = 256 << 10
DEEP = 100_000
DEADLINE_S = 600.0
WEIGHTS = {
    "wire": 10.0,
    "line": 5.0,
    "envelope": 5.0,
    "event": 5.0,
    "body": 0.5,
    "manifest": 0.1,
    "events": 1.0,
}
"""Share of a target by the first word of its name; to go through a file costs more than all else."""
DEFAULTS: tuple[object, ...] = (None, "", 0, 1, [], {})
"""What a member may be that was not there; 1 is the version of bodies that name none."""
_BETWEEN_LOOKS = 5_000


class Target(NamedTuple):
    name: str
    samples: Sequence[bytes]
    takes: Callable[[bytes, bytes], bool]
    """Given a sample and what became of it: whether that was taken. Raises WronglyAccepted."""


class WronglyAccepted(AssertionError):
    pass


def run(effort: Effort) -> list[Outcome]:
    figures = in_child(seed=1, count=effort.count(5_000_000, 20_000))
    return [
        Outcome(
            "decoder fuzz",
            int(figures.pop("tried")),
            figures,
            must_be_zero=("crashes", "wrongly_accepted"),
            must_be_positive=("accepted", "refused", "targets"),
        )
    ]


def in_child(seed: int, count: int) -> dict[str, int | float]:
    """Run a campaign in a process of its own, so that a crash of it can be counted."""
    command = [sys.executable, "-P", "-m", "tests.torture.fuzz_decoders", str(seed), str(count)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        print(done.stderr.decode(errors="replace")[-2000:], file=sys.stderr)  # noqa: T201 - shows what crashed
        zero = dict.fromkeys(("wrongly_accepted", "accepted", "refused", "targets"), 0)
        return {"tried": count, "crashes": 1, **zero}
    figures: dict[str, int | float] = json.loads(done.stdout)
    return figures


def both_stacks(seed: int, count: int) -> dict[str, int | float]:
    """The campaign on a thread as small as one of a library may be; events files on the main thread.

    An events file may have any JSON in it, which takes more stack, and Trinity reads it on the main thread.
    """
    found: list[dict[str, int | float]] = []
    files_count = count // 200
    threading.stack_size(STACK_BYTES)
    with tempfile.TemporaryDirectory(prefix="trinity-fuzz-") as folder:
        everything = samples()
        small = targets(everything, Path(folder))
        thread = threading.Thread(target=lambda: found.append(campaign(small, seed, count - files_count)))
        thread.start()
        thread.join()
        events = Target("events file", everything.events_files, takes_events_in(Path(folder)))
        found.append(campaign([events], seed, files_count))
    return {name: figure + found[1][name] for name, figure in found[0].items()}


def campaign(all_targets: Sequence[Target], seed: int, count: int) -> dict[str, int | float]:
    random = Random(seed)
    counted: Counter[str] = Counter()
    began = monotonic()
    weights = [WEIGHTS[target.name.split()[0]] for target in all_targets]
    for target in all_targets:
        for sample, deep in deep_inputs(target):
            try_one(target, sample, deep, counted)
    while counted["tried"] < count and monotonic() - began < DEADLINE_S:
        for target in random.choices(all_targets, weights, k=min(_BETWEEN_LOOKS, count - counted["tried"])):
            sample = random.choice(target.samples)
            try_one(target, sample, mutate(sample, target.samples, random), counted)
    names = ("tried", "crashes", "wrongly_accepted", "accepted", "refused")
    elapsed_s = monotonic() - began
    figures: dict[str, int | float] = {name: counted[name] for name in names}
    return figures | {
        "targets": len(all_targets),
        "elapsed_s": round(elapsed_s, 1),
    }


def deep_inputs(target: Target) -> Iterator[tuple[bytes, bytes]]:
    """Nested a hundred thousand deep from the first byte, and in place of each member of a few samples."""
    for opening in (b"[", b'{"a":'):
        yield b"", opening * DEEP
        for sample in target.samples[:5]:
            for at, byte in enumerate(sample):
                if byte in b":[":
                    yield sample, sample[: at + 1] + opening * DEEP


def try_one(target: Target, sample: bytes, data: bytes, counted: Counter[str]) -> None:
    counted["tried"] += 1
    try:
        taken = target.takes(sample, data)
    except TrinityError:
        taken = False
    except WronglyAccepted:
        counted["wrongly_accepted"] += 1
        show(target, sample, data)
        return
    except Exception:  # noqa: BLE001 - whatever else comes out is what is looked for
        counted["crashes"] += 1
        show(target, sample, data)
        return
    counted["accepted" if taken else "refused"] += 1


def show(target: Target, sample: bytes, data: bytes) -> None:
    print(f"{target.name}: {sample[:600]!r} became {data[:600]!r}", file=sys.stderr)  # noqa: T201


def targets(s: Samples, folder: Path) -> list[Target]:
    return [
        Target("wire from agent", s.frames_from_agent, takes_from_agent),
        Target("wire to agent", s.frames_to_agent, takes_to_agent),
        Target("line crc", s.lines, takes_line_of(s.lines)),
        Target("envelope", s.lines, takes_envelope),
        Target("event", s.lines, takes_event),
        Target("manifest", s.manifests, takes_manifest_in(folder, s.manifests)),
        *(Target(f"body {name}", [body], takes_body_of(name)) for name, body in s.bodies.items()),
    ]


def takes_from_agent(sample: bytes, data: bytes) -> bool:
    message = wire.decode_from_agent(data)
    again = wire.encode(message)
    if isinstance(message, wire.Handled):
        again = wire.encode_handlings(wire.decode_handlings(message))
    json_of(data)
    return means_the_same(again, data)


def takes_to_agent(sample: bytes, data: bytes) -> bool:
    message = wire.decode_to_agent(data)
    again = [wire.encode(message)]
    if isinstance(message, wire.Handle):
        again = wire.encode_deliveries(wire.decode_deliveries(message)) or again
    return len(again) == 1 and means_the_same(again[0], data)


def takes_line_of(lines: Sequence[bytes]) -> Callable[[bytes, bytes], bool]:
    sealed = {line.rstrip(b"\n") for line in lines}

    def takes_line(sample: bytes, data: bytes) -> bool:
        codec.check_line(data, SEALED_AFTER_CRC)
        if data.rstrip(b"\n") not in sealed:
            raise WronglyAccepted
        return True

    return takes_line


def takes_envelope(sample: bytes, data: bytes) -> bool:
    return means_the_same(msgspec.json.encode(codec.decode_envelope(data)), data)


def takes_event(sample: bytes, data: bytes) -> bool:
    return means_the_same(codec.encode_event(codec.decode_event(data)), data)


def takes_body_of(type_name: str) -> Callable[[bytes, bytes], bool]:
    def takes_body(sample: bytes, data: bytes) -> bool:
        return means_the_same(msgspec.json.encode(codec.decode_body(type_name, data)), data)

    return takes_body


def takes_manifest_in(folder: Path, manifests: Sequence[bytes]) -> Callable[[bytes, bytes], bool]:
    path = folder / "manifest.json"
    sealed = {manifest.rstrip(b"\n") for manifest in manifests}

    def takes_manifest(sample: bytes, data: bytes) -> bool:
        path.write_bytes(data)
        if read_manifest(folder) is None or data.rstrip(b"\n") not in sealed:
            raise WronglyAccepted
        return True

    return takes_manifest


def takes_events_in(folder: Path) -> Callable[[bytes, bytes], bool]:
    path = folder / "events.jsonl"

    def takes_events(sample: bytes, data: bytes) -> bool:
        path.write_bytes(data)
        file = read_events_file(path, 0, 1)
        lines = [line for line in data.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()]
        for line in lines:
            json_of(line, errors="surrogateescape")
        if len(lines) != len(file.items):
            raise WronglyAccepted
        return True

    return takes_events


def means_the_same(taken: bytes, data: bytes) -> bool:
    """Raises WronglyAccepted if a member that was taken is not what an independent reader finds there."""
    found, expected = (json_of(text, errors="surrogateescape") for text in (data, taken))
    if not holds(found, expected):
        raise WronglyAccepted
    return True


def json_of(data: bytes, errors: str = "strict") -> object:
    try:
        return json.loads(data.decode(errors=errors))
    except ValueError:
        raise WronglyAccepted from None


def holds(whole: object, part: object) -> bool:
    """Whether ``whole`` has all that ``part`` has; what ``part`` has beyond it must be a default."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            holds(whole[key], value) if key in whole else value in DEFAULTS for key, value in part.items()
        )
    if isinstance(part, list):
        return isinstance(whole, list) and len(whole) == len(part) and all(map(holds, whole, part))
    return whole == part


if __name__ == "__main__":
    print(json.dumps(both_stacks(int(sys.argv[1]), int(sys.argv[2]))))  # noqa: T201 - read by in_child
