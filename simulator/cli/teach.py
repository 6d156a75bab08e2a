"""Examples for ``--help``. Must not print."""

EXAMPLE_COLUMNS = 46


def examples(*lines: tuple[str, str]) -> str:
    """Text for the end of a command's help: what to type, and what it does.

    The empty lines keep the help formatter from joining the examples into one paragraph.
    """
    shown = [f"  {command:<{EXAMPLE_COLUMNS}} {meaning}".rstrip() for command, meaning in lines]
    return "\n\n".join(["Examples:", *shown])
