"""Sabotages of what is learned, and when. Must not judge."""

from bus import bodies
from tests.analysis.synthetic import Synthetic
from tests.torture.sabotage_tools import Sabotages, commit_of, nth

SABOTAGES = Sabotages()
breaks = SABOTAGES.breaks


@breaks("learned_after_predicted")
def hand_the_truth_to_an_agent(log: Synthetic) -> None:
    log.move(nth(log, bodies.TruthLabelled), queue="feedback_queue")


@breaks("learned_after_predicted")
def learn_from_the_label(log: Synthetic) -> None:
    truth = nth(log, bodies.TruthLabelled, 3)
    for event in commit_of(log, nth(log, bodies.PatternLearned)):
        log.move(event, causation_seq=truth.seq, correlation_seq=truth.correlation_seq)


@breaks("learned_after_predicted")
def be_told_what_is_not_decided_yet(log: Synthetic) -> None:
    """Feedback about telemetry of another chain, whose decision comes later."""
    later = log.of(bodies.PatternDetected)[-1]
    log.move(nth(log, bodies.FeedbackGiven), correlation_seq=later.correlation_seq)


@breaks("learned_after_predicted")
def be_told_what_was_never_decided(log: Synthetic) -> None:
    log.drop(nth(log, bodies.PatternDetected))


@breaks("learned_after_predicted")
def be_told_about_another_record(log: Synthetic) -> None:
    log.change(nth(log, bodies.FeedbackGiven), message="what the next record will say")


@breaks("learned_after_predicted")
def learn_without_feedback(log: Synthetic) -> None:
    detected = nth(log, bodies.PatternDetected)
    log.move(nth(log, bodies.PatternLearned), causation_seq=detected.seq)


@breaks("learned_after_predicted")
def import_in_the_middle(log: Synthetic) -> None:
    lesson = nth(log, bodies.PatternLearned).data
    assert isinstance(lesson, bodies.PatternLearned)
    imported = bodies.PatternImported(
        "p-late", lesson.kind, "what the next record will say", 1, 0, "other:ab", 1, "other:ab", 1
    )
    end = nth(log, bodies.RunFinished)
    log.append(end.time_ns, "sequencer", imported)


@breaks("one_outcome")
def let_the_verifier_speak_beside_a_reviewer(log: Synthetic) -> None:
    completed = nth(log, bodies.TaskCompleted)
    given = next(e for e in log.of(bodies.FeedbackGiven) if e.correlation_seq == completed.correlation_seq)
    log.move(given, source="reviewer", causation_seq=completed.seq)
