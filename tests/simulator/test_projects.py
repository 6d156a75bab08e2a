"""The second project, and the settings of the wording: other words, and nothing else for old scenarios."""

import re
from random import Random

import pytest

from agents.lexicon import KINDS
from agents.text import mask_numbers, split_words
from bus.bodies import TelemetryReceived
from simulator.compose import workload_of
from simulator.errors import ScenarioError
from simulator.scenario_file import load_scenario, parse_scenario
from simulator.wording import PROJECTS, Manner, Project, Wording
from simulator.wording.templates import incident_words, noise_templates

SCENARIO = b'extends = "soak"\nname = "mine"\n[workload]\n'


def words_of(project: Project) -> set[str]:
    """The words of all incidents of a project."""
    words = incident_words(project)
    texts = [text for s in (*words.skeletons, *words.oblique) for text in s.texts]
    return {word for text in texts for word in split_words(text)}


@pytest.mark.parametrize("project", PROJECTS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_project_has_eight_sorts_of_problem_of_each_kind_and_an_oblique_one(
    project: Project, kind: str
) -> None:
    words = incident_words(project)
    assert sum(skeleton.kind == kind for skeleton in words.skeletons) >= 8
    assert any(skeleton.kind == kind for skeleton in words.oblique)


@pytest.mark.parametrize("project", PROJECTS)
def test_every_text_of_a_project_can_be_filled_in_completely(project: Project) -> None:
    wording = Wording(Random(5), Manner(project, 0.2))
    records = [wording.incident(kind) for kind in KINDS for _ in range(150)]
    records += [wording.noise() for _ in range(500)]
    assert not [record.message for record in records if re.search(r"\{[a-z_0-9]+\}", record.message)]
    assert len({mask_numbers(record.message) for record in records}) > 300


@pytest.mark.parametrize("project", PROJECTS)
def test_no_text_of_a_project_holds_the_name_of_a_kind_as_the_log_writes_it(project: Project) -> None:
    words = incident_words(project)
    texts = [text for s in (*words.skeletons, *words.oblique) for text in (*s.texts, *s.fields.values())]
    texts += [template.text.format for group in noise_templates(project) for template in group]
    assert not [text for text in texts if re.search("critical_error|_violation|_request|flaky_test", text)]


@pytest.mark.parametrize("project", PROJECTS)
def test_noise_of_a_project_says_which_part_speaks_and_holds_hard_negatives(project: Project) -> None:
    templates = [template for group in noise_templates(project) for template in group]
    assert any(template.component for template in templates)
    said = " ".join(template.text.format for template in templates)
    assert all(word in said for word in ("error", "duplicate", "crash"))


def test_the_projects_have_few_sentences_in_common() -> None:
    def runs(project: Project) -> set[tuple[str, ...]]:
        words = incident_words(project)
        said = [split_words(text) for s in (*words.skeletons, *words.oblique) for text in s.texts]
        return {tuple(text[i : i + 4]) for text in said for i in range(len(text) - 3)}

    shop, firmware = runs("shop"), runs("firmware")
    assert 0.0 < len(shop & firmware) < 0.1 * len(firmware)
    assert len(words_of("firmware") - words_of("shop")) > 0.4 * len(words_of("firmware"))


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.4, 80, 160), (1.0, 300, 300)])
def test_so_many_incidents_are_oblique_as_the_share_says(share: float, least: int, most: int) -> None:
    wording = Wording(Random(2), Manner("shop", share))
    oblique = [s for s in incident_words().oblique if s.kind == "critical_error"]
    heads = [text.split("{")[0] or text.split("}")[1] for s in oblique for text in s.texts]
    messages = [wording.incident("critical_error").message for _ in range(300)]
    count = sum(any(head and head in message for head in heads) for message in messages)
    assert least <= count <= most


def test_keys_at_their_defaults_leave_the_digest_of_a_scenario_as_it_was() -> None:
    usual = Manner()
    said = [
        f'project = "{usual.project}"\n',
        f"oblique_share = {usual.oblique_share}\n",
    ]
    whole = parse_scenario(SCENARIO + "".join(said).encode(), "mine")
    text = whole.to_toml()
    for line in said:
        assert line in text
        text = text.replace(line, "")
    assert parse_scenario(text.encode(), "mine").sha256() == whole.sha256()


@pytest.mark.parametrize("key", [b'project = "firmware"', b"oblique_share = 0.2"])
def test_another_value_is_another_scenario(key: bytes) -> None:
    assert parse_scenario(SCENARIO + key, "mine").sha256() != load_scenario("soak").sha256()
    plain = parse_scenario(SCENARIO, "mine")
    assert parse_scenario(SCENARIO + key, "mine").sha256() != plain.sha256()


@pytest.mark.parametrize(
    ("key", "said"), [(b'project = "bakery"', "bakery"), (b"oblique_share = 1.1", "oblique_share")]
)
def test_a_value_that_there_is_not_is_refused(key: bytes, said: str) -> None:
    with pytest.raises(ScenarioError, match=said):
        parse_scenario(SCENARIO + key, "mine")


def first_messages(text: bytes) -> list[str]:
    scenario = parse_scenario(SCENARIO + text, "mine")
    bodies = [item.drafts[0].data for item in workload_of(scenario)]
    return [body.message for body in bodies if isinstance(body, TelemetryReceived)]


def test_a_scenario_chooses_the_words_of_its_workload() -> None:
    shop, firmware = first_messages(b""), first_messages(b'project = "firmware"\nnoise_per_hour = 30.0\n')
    assert shop == first_messages(b'project = "shop"\n')
    assert not set(shop) & set(firmware)
    assert "modbus_stack" in " ".join(firmware)


def test_a_scenario_chooses_how_many_incidents_are_oblique() -> None:
    assert first_messages(b"oblique_share = 0.9\n") != first_messages(b"")
