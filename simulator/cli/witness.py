"""``trinity witness train`` and ``evaluate``: the detector and labels of your own. Must not touch a run."""

from collections.abc import Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from bus.errors import EnvironmentProblem, InputError
from simulator.cli.output import print_json, print_pairs, print_table, say
from simulator.cli.run import Json
from simulator.cli.teach import examples
from simulator.scenario_file import load_scenario
from store.whole_file import write_whole

if TYPE_CHECKING:
    from simulator.detection.cross_validation import Judged
    from simulator.detection.evaluation import Evaluation
    from simulator.detection.labelled import LabelledRecord

DEFAULT_SCENARIO = "soak"
DEFAULT_SEED = 4
SEED_MAX = 2**63 - 1
TRAIN_EXAMPLES = examples(
    ("trinity witness train --data labelled.jsonl --out my.weights", ""),
    ("trinity witness train ... --sources allowed.txt", "only records of groups that the file names"),
    ("trinity witness train ... --embedder all-MiniLM-L6-v2 --out my-head.csv", "a head of a sentence model"),
)
EVALUATE_EXAMPLES = examples(
    ("trinity witness evaluate --data labelled.jsonl", "the detector that comes with Trinity"),
    ("trinity witness evaluate --data l.jsonl --model my.weights", "weights of your own"),
    ("trinity witness evaluate --data l.jsonl --group project", "train without each project, test on it"),
    ("trinity witness evaluate ... --embedder all-MiniLM-L6-v2", "words and a sentence model together"),
)

Data = Annotated[Path, typer.Option(help='JSON lines {"label": ..., "event": {"message": ..., ...}}.')]
Sources = Annotated[
    Path | None, typer.Option(help="A file with the groups that may train, one a line; all if left out.")
]
Embedder = Annotated[
    str | None,
    typer.Option(help="A sentence model of this machine, by name or folder; see docs/semantic.md."),
]
Seed = Annotated[int, typer.Option(min=0, max=SEED_MAX, help="Of the words in the project's templates.")]


class Training(NamedTuple):
    """What weights are trained from, besides the templates."""

    records: "Sequence[LabelledRecord]"
    data_sha256: str
    seed: int


class Trained(NamedTuple):
    """The text of a file of weights, and what it says about itself."""

    text: str
    sha256: str
    card: object


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Train and measure the detector of WITNESS.")
    group.command("train", epilog=TRAIN_EXAMPLES)(train)
    group.command("evaluate", epilog=EVALUATE_EXAMPLES)(evaluate)
    app.add_typer(group, name="witness")


def train(
    data: Data,
    out: Annotated[Path, typer.Option(help="The file of weights; one that is there is replaced.")],
    group: Annotated[
        str | None, typer.Option(help="Key of the project of a record, with dots: origin.where if left out.")
    ] = None,
    sources: Sources = None,
    embedder: Embedder = None,
    seed: Seed = DEFAULT_SEED,
    json: Json = False,
) -> None:
    """Train weights of the linear detector from labelled records and the project's own templates.

    The same data and seed give the same file. With --embedder, it is the head of that sentence model.

    They can be measured with `trinity witness evaluate --model` or `--head`; a run uses those that come with
    Trinity, or those that its scenario names as witness.model and witness.head.
    """
    from simulator.detection.labelled import GROUP_KEY, read_labelled
    from simulator.detection.sources import read_sources

    if not out.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}; make it first")
    file = read_labelled(data, group or GROUP_KEY)
    allowed = read_sources(sources) if sources else None
    records = [record for record in file.records if allowed is None or record.group in allowed]
    training = Training(records, file.sha256, seed)
    trained = _weights(training, out) if embedder is None else _head(training, embedder, out)
    text = trained.text
    try:
        write_whole(out, text)
    except OSError as error:
        raise EnvironmentProblem(f"{out}: cannot write it: {error.strerror}; choose another place") from None
    if json:
        print_json({"file": str(out), "sha256": trained.sha256, **_plain(trained.card)})
        return
    say(f"{out}: {len(text):,} bytes", "bold")
    print_pairs({"sha256": trained.sha256, **_plain(trained.card)})


def _weights(training: Training, out: Path) -> Trained:
    from agents.linear_file import decode_model, encode_model
    from simulator.detection.training import card_of, prepared, trained

    model = trained(prepared(training.records, training.seed))
    text = encode_model(model, card_of(len(training.records), training.data_sha256, training.seed))
    file = decode_model(text.encode(), str(out))
    return Trained(text, file.sha256, file.card)


def _head(training: Training, embedder: str, out: Path) -> Trained:
    from agents.dense_file import decode_head
    from agents.semantic import semantic_embedder
    from simulator.detection.semantic_training import encoded_head

    model = semantic_embedder(embedder)
    text = encoded_head(training.records, model, embedder, training.data_sha256, training.seed)
    file = decode_head(text.encode(), str(out))
    return Trained(text, file.sha256, file.card)


def evaluate(
    data: Data,
    model: Annotated[
        Path | None, typer.Option(help="A file of weights; those that come with Trinity if left out.")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(
            help="Cross-validate: key of the project of a record, with dots, such as origin.where. "
            "Each project is judged by weights trained on the others."
        ),
    ] = None,
    sources: Sources = None,
    embedder: Embedder = None,
    head: Annotated[
        Path | None, typer.Option(help="A file of its head; the one that comes with Trinity if left out.")
    ] = None,
    scenario: Annotated[str, typer.Option(help="Whose thresholds count.")] = DEFAULT_SCENARIO,
    seed: Seed = DEFAULT_SEED,
    pictures: Annotated[
        Path | None, typer.Option(help="A folder for confusion.svg and reliability.svg.")
    ] = None,
    json: Json = False,
) -> None:
    """Measure the linear detector on labelled records: confusion, calibration, alarms, worst mistakes.

    Learning is off. Without --group, one model judges all records, also those it may have been trained from;
    with --group, no record is judged by weights that have seen its project.
    """
    from simulator.detection.evaluation import evaluated
    from simulator.detection.labelled import GROUP_KEY, read_labelled
    from simulator.detection.sources import read_sources

    if (model is not None or head is not None) and group is not None:
        given = "--model" if head is None else "--head"
        raise InputError(
            f"{given} judges with finished weights and --group trains new ones; give one of them"
        )
    if head is not None and embedder is None:
        raise InputError("--head is of a sentence model; name it with --embedder")
    if sources is not None and group is None:
        raise InputError("--sources says who may train, and nothing is trained without --group; give both")
    thresholds = load_scenario(scenario).witness.thresholds
    file = read_labelled(data, group or GROUP_KEY)
    allowed = read_sources(sources) if sources else None
    if group is not None:
        judged = _cross_validated(file.records, embedder, allowed, seed)
    else:
        judged = _judged(file.records, model, embedder, head)
    evaluation = evaluated(file.records, judged.whole, judged.text_only, thresholds)
    if pictures is not None:
        _draw(pictures, evaluation)
    if json:
        print_json(evaluation)
    else:
        judge = "cross-validated by group" if group else str(model or "the weights of Trinity")
        _show(evaluation, judge if embedder is None else f"{judge}, with {embedder}")


def _judged(
    records: "Sequence[LabelledRecord]", model: Path | None, embedder: str | None, head: Path | None
) -> "Judged":
    """By finished weights, and by a finished head if there is an embedder."""
    from agents.linear_file import default_model, read_model
    from simulator.detection.cross_validation import judged_by

    words = (read_model(model) if model else default_model()).model
    if embedder is None:
        return judged_by(words, records)
    from agents.dense_file import default_head, read_head
    from agents.semantic import semantic_embedder
    from simulator.detection.semantic_training import vectors_of
    from simulator.detection.semantic_validation import semantic_judged

    file = read_head(head) if head else default_head()
    sentences = semantic_embedder(embedder)
    if file.head.encoder_sha256 != sentences.weights_sha256:
        problem = "is for another sentence model; train one with `trinity witness train --embedder`"
        raise InputError(f"{head or 'the head that comes with Trinity'} {problem}, and give it with --head")
    vectors = vectors_of([record.telemetry.message for record in records], sentences)
    return semantic_judged(words, file.head, records, vectors)


def _cross_validated(
    records: "Sequence[LabelledRecord]", embedder: str | None, allowed: Container[str] | None, seed: int
) -> "Judged":
    def may_train(record: "LabelledRecord") -> bool:
        return allowed is None or record.group in allowed

    if embedder is None:
        from simulator.detection.cross_validation import cross_validated

        return cross_validated(records, may_train, seed)
    from agents.semantic import semantic_embedder
    from simulator.detection.semantic_validation import semantic_cross_validated

    return semantic_cross_validated(records, semantic_embedder(embedder), may_train, seed)


def _draw(folder: Path, evaluation: "Evaluation") -> None:
    from simulator.detection.pictures import confusion_picture, reliability_picture

    if not folder.is_dir():
        raise InputError(f"--pictures {folder}: there is no such folder; make it first")
    write_whole(folder / "confusion.svg", confusion_picture(evaluation))
    write_whole(folder / "reliability.svg", reliability_picture(evaluation))


def _show(evaluation: "Evaluation", judge: str) -> None:
    alarms = evaluation.alarms
    say(f"{evaluation.record_count:,} records, {judge}", "bold")
    print_pairs(
        {
            "balanced accuracy": f"{evaluation.balanced_accuracy:.3f}",
            "  of messages alone": f"{evaluation.text_only_balanced_accuracy:.3f}",
            "accuracy": f"{evaluation.accuracy:.3f}",
            "calibration error": f"{evaluation.calibration_error:.3f}",
            "alarms": f"{alarms.alarm_count:,} for {alarms.pattern_count:,} patterns; "
            f"precision {_figure(alarms.precision)}, recall {_figure(alarms.recall)}; "
            f"{alarms.right_kind_count:,} of the right kind",
        }
    )
    labels = [quality.label for quality in evaluation.labels]
    rows = [
        (quality.label, *counts, _figure(quality.recall), _figure(quality.precision))
        for quality, counts in zip(evaluation.labels, evaluation.confusion, strict=True)
    ]
    print_table(
        "What was judged (columns) of what is true (rows)", ("", *labels, "recall", "precision"), rows
    )
    bins = [
        (f"from {b.confidence_from:.1f}", b.record_count, f"{b.mean_confidence:.3f}", f"{b.right_share:.3f}")
        for b in evaluation.reliability
    ]
    print_table("Reliability", ("confidence", "records", "mean confidence", "share right"), bins)
    mistakes = [(m.line, m.label, m.judged, f"{m.confidence:.3f}", m.message) for m in evaluation.mistakes]
    if mistakes:
        columns = ("line", "label", "judged", "confidence", "message")
        print_table("Mistakes, the most confident first", columns, mistakes)


def _figure(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"


def _plain(card: object) -> dict[str, object]:
    import msgspec

    plain = msgspec.to_builtins(card)
    assert isinstance(plain, dict)
    return plain
