"""Training the linear detector, on small samples written by hand."""

import json

import numpy as np
import pytest

from agents.lexicon import LABELS
from agents.linear_file import default_model, encode_model
from bus.bodies import TelemetryReceived
from bus.errors import InputError
from simulator.detection.cross_validation import cross_validated
from simulator.detection.evaluation import winners
from simulator.detection.labelled import read_labelled
from simulator.detection.lbfgs import minimise
from simulator.detection.sources import read_sources
from simulator.detection.templates import filled_templates, templates
from simulator.detection.training import SEED, card_of, prepared, trained
from simulator.errors import EventsFileError
from tests.simulator.detection.samples import lines, write_samples


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return read_labelled(write_samples(tmp_path_factory.mktemp("data")), "project").records


def test_a_group_is_the_project_without_commit_and_file(records):
    assert {record.group for record in records} == {"ada/boat", "bob/boat", "cy/boat"}
    assert {record.family for record in records} == {"ada", "bob", "cy"}


def test_what_a_small_set_teaches_is_learned(records):
    model = trained(prepared(records))
    unseen = [
        TelemetryReceived("the willow was pasted into the brook again"),
        TelemetryReceived("the willow check wobbles when the brook is slow"),
        TelemetryReceived("the willow met the brook at noon"),
    ]
    judged = [LABELS[i] for i in winners(model.probabilities(unseen))]
    assert judged == ["duplication", "flaky_test", "none"]
    # Without the set nobody could know.
    before = [LABELS[i] for i in winners(default_model().model.probabilities(unseen))]
    assert before != judged


def test_training_again_gives_the_same_bytes(records):
    files = {
        encode_model(trained(prepared(records, seed)), card_of(len(records), "ab", seed))
        for seed in (1, 1, 2)
    }
    assert len(files) == 2


def test_a_word_of_one_family_alone_gets_no_weight(records):
    from agents.features import id_of

    only_ada = [
        record._replace(telemetry=TelemetryReceived("zyzzyva " + record.telemetry.message))
        if record.family == "ada"
        else record
        for record in records
    ]
    model = trained(prepared(only_ada))
    assert not model.weights[id_of("w:zyzzyva")].any()
    assert model.weights[id_of("w:wobbles")].any()


def test_leaving_groups_out_judges_each_record_by_the_others(records):
    judged = cross_validated(records)
    right = [LABELS[i] == record.label for i, record in zip(winners(judged.whole), records, strict=True)]
    assert np.mean(right) > 0.9
    # A group whose labels all differ from the rest cannot be known from the rest.
    swapped = {"duplication": "none", "none": "flaky_test", "flaky_test": "duplication"}
    odd = [r._replace(label=swapped[r.label]) if r.family == "cy" else r for r in records]
    places = [i for i, record in enumerate(odd) if record.family == "cy"]
    found = winners(cross_validated(odd).whole)
    assert np.mean([LABELS[found[i]] == odd[i].label for i in places]) < 0.2


def test_groups_that_may_not_train_are_judged_by_those_that_may(records):
    judged = cross_validated(records, lambda record: record.family != "cy")
    assert judged.whole.shape == (len(records), len(LABELS))


def test_one_group_cannot_be_left_out(records):
    with pytest.raises(InputError, match="name 1 groups"):
        cross_validated([record for record in records if record.family == "ada"])


def test_the_least_value_of_a_bowl_is_found():
    goal = np.array([3.0, -2.0, 0.5])
    steepness = np.array([1.0, 50.0, 0.1])

    def bowl(at):
        return 1.0 + float((steepness * (at - goal) ** 2).sum()), 2 * steepness * (at - goal)

    assert np.allclose(minimise(bowl, np.zeros(3)), goal, atol=0.05)


def test_templates_are_filled_alike_for_one_seed_and_leave_no_slot_open():
    first = filled_templates(SEED, copies=1)
    assert first == filled_templates(SEED, copies=1)
    assert first != filled_templates(SEED + 1, copies=1)
    for filled in first:
        assert not any("{" + slot + "}" in filled.telemetry.message for slot in templates().slots)
    assert {filled.label for filled in first} == set(LABELS)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("{", "truncated"),
        ('{"event": {"message": "a"}}', "label"),
        ('{"label": "joy", "event": {"message": "a"}}', "joy"),
        ('{"label": "none", "event": {}}', "event.message must be a text"),
        ('{"label": "none", "event": {"message": 7}}', "event.message must be a text"),
        ("[" * 5_000, "nest"),
    ],
)
def test_a_line_that_is_no_labelled_record_is_named(tmp_path, line, problem):
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(lines()[0]) + "\n\n" + line + "\n")
    with pytest.raises(EventsFileError, match=rf"bad\.jsonl:3: .*{problem}"):
        read_labelled(path)


def test_an_empty_or_missing_file_is_named(tmp_path):
    (tmp_path / "empty").write_text("\n")
    for name in ("empty", "absent"):
        with pytest.raises(EventsFileError, match=f"{name}:1: "):
            read_labelled(tmp_path / name)


def test_a_list_of_sources_leaves_remarks_out(tmp_path):
    path = tmp_path / "sources"
    path.write_text("# remark\nada/boat\n\n")
    assert read_sources(path) == {"ada/boat"}
    path.write_text("# remark\n")
    with pytest.raises(InputError, match="names no group"):
        read_sources(path)
