"""Bodies about faults and what is done against them. Must not hold behaviour."""

from typing import ClassVar

from msgspec import Struct

from bus.body import Body, Count, Name, Text


class FaultInjected(Body, frozen=True, gc=False):
    """A fault rule of the scenario fired. Caused by the event that it hit, or by none."""

    TYPE: ClassVar[str] = "fault.injected"
    rule: Name
    """Name of the rule in the scenario."""
    kind: Name
    """Kind of fault: ``drop``, ``crash``, ``rate_limit``, ..."""
    target: Name
    """The queue, agent, model or file that it hit."""
    lasts_ns: Count = 0
    """How long it lasts or by how much it delays; 0 where that has no meaning."""


class FaultsHealed(Body, frozen=True, gc=False):
    """No rule fires from this moment on; the run has to converge."""

    TYPE: ClassVar[str] = "faults.healed"
    converge_within_ns: Count
    """From here to the moment when nothing may be left undone."""


class RuleCount(Struct, frozen=True, gc=False):
    rule: Name
    kind: Name
    fired_count: Count
    """How often the rule fired in the whole run; 0 if it never did."""


class FaultsCounted(Body, frozen=True, gc=False):
    """At the end of a run with fault rules: each rule that was part of the run."""

    TYPE: ClassVar[str] = "faults.counted"
    rules: list[RuleCount]


class AgentRefused(Body, frozen=True, gc=False):
    """A process that wanted to be an agent was not let in."""

    TYPE: ClassVar[str] = "agent.refused"
    agent: Name
    reason: Text


class PublicationRefused(Body, frozen=True, gc=False):
    """An agent wanted on the log what it may not publish. Caused by the event that it was handling."""

    TYPE: ClassVar[str] = "publication.refused"
    agent: Name
    published_type: Name
    published_queue: Name | None
    reason: Text
