"""Post: what a commit publishes is on its way to the right inbox, as often as the link says."""

from bus.bodies import DeliveryDeadLettered, FaultInjected, TelemetryReceived, TruthLabelled
from bus.events import Draft
from bus.routing import UNREACHABLE_NS, Route, Routes, distances_ns
from simulator.links import Fact, Passage
from simulator.post import Post, Sent

SERVICE_NS = {"a": 10, "b": 20}
ROUTES = Routes([Route("to_a", "a", 5, 2), Route("to_b", "b", 7, 2)])
PUBLISHES = {"a": ("to_b",), "b": ("to_a",)}
LATE = Fact(100, Draft(FaultInjected("r", "delay", "to_a", 3)))


class OnePassage:
    """Every delivery goes the same way, counted from its undisturbed arrival."""

    def __init__(self, *later_ns: int, facts: tuple[Fact, ...] = ()) -> None:
        self._later_ns = later_ns
        self._facts = facts

    def deliver(self, key: str, source: str, queue: str, sent_ns: int, arrived_ns: int) -> Passage:
        return Passage(tuple(arrived_ns + later for later in self._later_ns), self._facts)

    def answer(self, key: str, agent: str, attempt: int, sent_ns: int) -> Passage:
        return Passage((sent_ns,))


def post(links: OnePassage) -> Post:
    return Post(ROUTES, links, SERVICE_NS, distances_ns(ROUTES, PUBLISHES, SERVICE_NS), ())


def sent(to: Post, *queues: str | None) -> list[Sent]:
    drafts = [Draft(TruthLabelled("none") if q is None else TelemetryReceived(q), q) for q in queues]
    return to.send("workload", drafts, (100, 2, 1), "workload-1")


def test_what_is_for_a_queue_is_sent_with_its_place_in_the_commit_as_its_key() -> None:
    to = post(OnePassage(0))
    first, second = sent(to, None, "to_a", None, "to_b")
    assert [(s.offset, s.parcel.delivery.key, s.parcel.queue) for s in (first, second)] == [
        (1, "workload-1.1", "to_a"),
        (3, "workload-1.3", "to_b"),
    ]
    assert to.inboxes["a"].take(UNREACHABLE_NS) == [first.parcel.delivery]
    assert first.parcel.delivery.arrived_ns == 105
    assert to.inboxes["b"].take(UNREACHABLE_NS)[0].arrived_ns == 107


def test_a_copy_comes_later_and_knows_the_event_itself() -> None:
    to = post(OnePassage(0, 9, facts=(LATE,)))
    (one,) = sent(to, "to_a")
    assert one.facts == (LATE,)
    assert [d.arrived_ns for d in to.inboxes["a"].take(UNREACHABLE_NS)] == [105, 114]
    inbox = to.inboxes["a"]
    assert inbox.head is one.parcel
    inbox.resolve(115)
    assert inbox.head.original is one.parcel
    assert inbox.head.delivery.key == one.parcel.delivery.key


def test_what_is_given_up_never_arrives_and_counts_until_it_is_settled() -> None:
    end = Fact(130, Draft(DeliveryDeadLettered("to_a", 0, "lost", "redeliveries_max")))
    to = post(OnePassage(facts=(LATE, end)))
    sent(to, "to_a")
    sent(to, "to_a")
    assert to.inboxes["a"].take(UNREACHABLE_NS) == []
    assert to.earliest_finish_ns() == UNREACHABLE_NS
    open_to = post(OnePassage(0))
    for _ in range(2):
        to.inboxes["a"].settled("to_a")
    assert sent(open_to, "to_a")[0].parcel.delivery.arrived_ns == 105


def test_bounds_are_the_nearest_thing_that_could_still_come() -> None:
    to = post(OnePassage(0))
    assert list(to.bounds(UNREACHABLE_NS)) == []
    sent(to, "to_a")
    assert to.earliest_finish_ns() == 115
    # What a sends at 115 at the earliest is at b at 122, done there at 142, and back at a at 147.
    assert list(to.bounds(UNREACHABLE_NS)) == [("a", 147)]
    assert list(to.bounds(120)) == [("a", 120)]
    sent(to, "to_b")
    assert dict(to.bounds(UNREACHABLE_NS)) == {"a": 132, "b": 122}


def test_an_agent_with_a_batch_in_hand_gets_no_other() -> None:
    to = post(OnePassage(0))
    sent(to, "to_a", "to_b")
    to.inboxes["a"].take(UNREACHABLE_NS)
    assert [agent for agent, _ in to.bounds(UNREACHABLE_NS)] == ["b"]
    assert to.inbox_of("to_a") is to.inboxes["a"]
