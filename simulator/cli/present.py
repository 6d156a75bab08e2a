"""What people see of a run before and after it. Must not compute: figures come from checks and queries."""

from shlex import quote

from rich.text import Text

from analysis.checks import Verdict
from simulator.cli.output import print_pairs, safe, say, stdout
from simulator.clock import NS_PER_S
from simulator.duration import NANOUSD_PER_USD, Duration
from simulator.scenario import HASHING, Scenario
from simulator.summary import Summary
from store.run_folder import RunFolder


def announce(scenario: Scenario, original: Scenario | None, folder: RunFolder, transport: str) -> None:
    """Seed, digest of the scenario and every option first: a run is repeated from what it printed.

    A title tells how long a scenario is and how often something happens. It is left out unless it is known
    from ``original``, the scenario without options, that this is still so.
    """
    workload, intervals = scenario.workload, scenario.intervals
    title_holds = original is not None and _timing(scenario) == _timing(original)
    say(f"{scenario.name}: {scenario.title}" if title_holds else scenario.name, "bold")
    print_pairs(
        {
            "seed": scenario.seed,
            "duration": f"{readable(scenario.duration)} from {scenario.start}",
            "workload": workload.events_file
            or f"an incident every {workload.event_interval}, {workload.noise_per_hour:g} noise records an h",
            "budget": f"${scenario.budget.total_usd:.2f}",
            "intervals": f"snapshots {intervals.snapshot}, metrics {intervals.metrics}, "
            f"heartbeats {intervals.heartbeat}",
            **_embedder(scenario),
            "transport": transport,
            "scenario": f"sha256 {scenario.sha256()[:16]}",
            "folder": folder.path,
        }
    )


def _embedder(scenario: Scenario) -> dict[str, object]:
    """The sentence model and its head; the hashing embedder is worth no line."""
    witness = scenario.witness
    if witness.embedder == HASHING:
        return {}
    head = f"head {witness.head_sha256[:16]}" if witness.head_sha256 else "no head: the words judge"
    return {"embedder": f"{witness.embedder}, sha256 {(witness.embedder_sha256 or '')[:16]}; {head}"}


def verdict_lines(verdict: Verdict) -> None:
    """One line a criterion; a failed one says its target too."""
    width = max((len(check.title) for check in verdict.checks), default=0)
    for check in verdict.checks:
        mark = Text("✓ ", style="green") if check.passed else Text("✗ ", style="bold red")
        line = mark + Text(f"{safe(check.title):<{width}}  {safe(check.finding)}")
        if not check.passed:
            line += Text(f"  (target: {safe(check.target)}; {check.level})", style="red")
        stdout().print(line)
    _invariant_lines(verdict)


def _invariant_lines(verdict: Verdict) -> None:
    """One line for all that hold, and one for each that does not."""
    if not verdict.invariants:
        return
    total, broken = len(verdict.invariants), verdict.broken
    mark = Text("✗ ", style="bold red") if broken else Text("✓ ", style="green")
    stdout().print(mark + Text(f"{total - len(broken)} of {total} invariants hold"))
    for check in broken:
        stdout().print(Text(f"  ✗ {safe(check.title)}  {safe(check.finding)}", style="red"))


def end(summary: Summary, verdict: Verdict, wall_ns: int, *, has_faults: bool) -> None:
    """The verdict, and where to look next."""
    verdict_lines(verdict)
    failed_count = sum(not check.passed for check in verdict.checks)
    total = len(verdict.checks)
    if verdict.passed:
        say(f"PASSED: all {total} criteria", "bold green")
    else:
        broken = f", {len(verdict.broken)} invariants broken" if verdict.broken else ""
        say(f"FAILED: {failed_count} of {total} criteria not met{broken}", "bold red")
    events = f"{summary.events:,} events in {wall_ns / NS_PER_S:.1f} s of wall time"
    if summary.status == "completed":
        speed = summary.duration_ns / wall_ns
        events += f"; {readable(Duration(summary.duration_ns))} of bus time, {speed:,.0f} times faster"
    say(events)
    print_pairs({"digest": summary.digest, "report": f"{summary.run}/report.md"})
    questions = ("@detection_accuracy", *(["@fault_counts"] if has_faults else []))
    hint(*(f"trinity sql {quote(summary.run)} {question}" for question in questions), "trinity sql --list")


def hint(*commands: str) -> None:
    """Commands to try next."""
    for number, command in enumerate(commands):
        label = "  next    " if number == 0 else "          "
        stdout().print(Text(label, style="dim") + Text(safe(command), style="cyan"))


def readable(duration: Duration) -> str:
    """Like 48h 1s. A duration itself is written with one unit, 172801s, so that it can be read again."""
    seconds, rest_ns = divmod(int(duration), NS_PER_S)
    if rest_ns or seconds % 60 == 0:
        return str(duration)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "m"), (seconds, "s"))
    return " ".join(f"{count}{unit}" for count, unit in parts if count)


def _timing(scenario: Scenario) -> tuple[object, ...]:
    workload = scenario.workload
    return scenario.title, scenario.duration, workload.event_interval, workload.events_sha256


def usd(nanousd: int) -> str:
    return f"${nanousd / NANOUSD_PER_USD:.2f}"
