"""What the system holds a sandboxed process to: memory, time, files, network. Must not know about SQL.

Every measure is asked for; where the system has no Landlock or grants no namespace, the others stand alone.
"""

import ctypes
import os
import resource
import signal
import struct
import sysconfig
from contextlib import suppress
from pathlib import Path

MEMORY_MB_MAX = 2_048
"""Address space of the process."""
SPILL_MB_MAX = 1_024
"""One file that the process writes."""
OPEN_FILES_MAX = 64
CPU_SECONDS_MAX = 90
"""Of all threads together; the parent's timer ends a query long before."""

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWNET = 0x40000000
# landlock(7); the numbers are the same on all architectures.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_PATH_BENEATH = 1
_GET_VERSION = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << bit for bit in range(6))
_MAKE_DIR, _MAKE_REGULAR, _TRUNCATE = 1 << 7, 1 << 8, 1 << 14
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_MAKE = _MAKE_DIR | _MAKE_REGULAR | _REMOVE_DIR | _REMOVE_FILE
_SPILL = _READ_FILE | _READ_DIR | _WRITE_FILE | _TRUNCATE | _MAKE
_FILES_OF_VERSION = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_FILES_NEWEST = (1 << 16) - 1
_TCP = 3
"""bind(2) and connect(2)."""
_ABOUT_MACHINE = (
    *("/etc/localtime", "/usr/share/zoneinfo"),
    *("/proc/self/cgroup", "/proc/stat", "/sys/fs/cgroup", "/sys/devices/system/cpu"),
)
"""DuckDB asks for the time zone, and for memory and processors; denied the latter, it ends itself."""

_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent ends, also if it has ended already."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(1)


def limit_resources() -> None:
    """Memory, CPU, files and their sizes; no core file with the contents of a run in it."""
    for kind, value in (
        (resource.RLIMIT_AS, MEMORY_MB_MAX << 20),
        (resource.RLIMIT_CPU, CPU_SECONDS_MAX),
        (resource.RLIMIT_FSIZE, SPILL_MB_MAX << 20),
        (resource.RLIMIT_NOFILE, OPEN_FILES_MAX),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(kind)[1]
        held = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (held, held))


def leave_network() -> None:
    """Where the process is root: an empty network namespace, which costs about a millisecond."""
    if os.geteuid() == 0:
        _libc.unshare(_CLONE_NEWNET)


def confine_files(database: Path, spill: Path) -> bool:
    """Let the kernel refuse every file but these; False where it has no Landlock.

    For this thread and those that it starts later: before DuckDB starts its own.

    Args:
        database: a file to be read only.
        spill: a folder of the process's own.
    """
    version = _libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _GET_VERSION)
    if version < 1:
        return False
    files = _FILES_OF_VERSION.get(version, _FILES_NEWEST)
    attributes = struct.pack("=QQQ", files, _TCP if version >= 4 else 0, 0)
    ruleset = _libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    _allow(ruleset, database, _READ_FILE & files)
    _allow(ruleset, spill, _SPILL & files)
    # Python imports late.
    libraries = [sysconfig.get_path(place) for place in ("stdlib", "platstdlib", "purelib", "platlib")]
    for path in map(Path, (*libraries, *_ABOUT_MACHINE)):
        _allow(ruleset, path, (_READ if path.is_dir() else _READ_FILE) & files)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    restricted: int = _libc.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
    return restricted == 0


def _allow(ruleset: int, path: Path, rights: int) -> None:
    """A file that is not there needs no right."""
    with suppress(OSError):
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        _libc.syscall(_ADD_RULE, ruleset, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
        os.close(place)
