"""Builds one agent with its models, ledger and memory, in whatever process it is to live.

Must not import the engine or a transport.
"""

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from agents.agent import Agent, Stream, Tier
from agents.architect import Architect
from agents.executor import Executor
from agents.judge import Judge
from agents.ledger import Ledger
from agents.models.mock import MockModel
from agents.models.model import Model, ModelSpec
from agents.models.redacted import RedactedModel
from agents.pace import Pace, SteadyPace
from agents.runtime import RetryPolicy, Runtime
from bus.errors import InputError
from bus.redaction import Redactor, known_secrets
from simulator.embedding import embedder_of, evidence_of
from simulator.faults.models import FaultyModel
from simulator.faults.pace import FaultyPace
from simulator.faults.rules import ActiveRule
from simulator.scenario import WitnessSettings
from simulator.streams import Streams
from simulator.warning import warn
from simulator.weights import weights_of


class GraphFiles(Struct, frozen=True):
    """Where WITNESS finds graphs of patterns that took long to build. They change no answer."""

    folder: str
    """That of the derived files of a run."""
    is_written: bool


class AgentSettings(Struct, frozen=True):
    """All that an agent is built from; sent to its process as JSON."""

    agent: str
    seed: int
    granted_nanousd: int
    witness: WitnessSettings
    models: dict[Tier, ModelSpec]
    retry: RetryPolicy
    faults: tuple[ActiveRule, ...] = ()
    """The rules that are asked where it runs; see :func:`simulator.faults.mix.rules_of_agent`."""
    is_reviewed: bool = False
    """Whether a reviewer gives the feedback, so that EXECUTOR need not."""
    graph_files: GraphFiles | None = None


def build_runtime(settings: AgentSettings) -> Runtime:
    """Raises InputError for an agent that nobody knows."""
    streams = Streams(settings.seed)

    def handling_stream(key: str) -> Stream:
        return streams.stream(f"handling/{settings.agent}", key)

    def model_stream(key: str) -> Stream:
        return streams.stream(f"model/{settings.agent}", key)

    rules, name = settings.faults, settings.agent
    redact = Redactor(known_secrets(os.environ)).text
    models: dict[Tier, Model] = {
        tier: RedactedModel(MockModel(spec, model_stream), redact) for tier, spec in settings.models.items()
    }
    if rules:
        models = {tier: FaultyModel(model, rules, streams, name) for tier, model in models.items()}
    pace: Pace = FaultyPace(rules, streams, name) if rules else SteadyPace()
    ledger = Ledger(settings.granted_nanousd)
    return Runtime(_agent(settings), ledger, models, handling_stream, settings.retry, pace, redact)


def build_runtime_from_json(settings: bytes) -> Runtime:
    return build_runtime(msgspec.json.decode(settings, type=AgentSettings))


def _agent(settings: AgentSettings) -> Agent:
    if settings.agent == "witness":
        return _witness(settings.witness, settings.graph_files)
    if settings.agent == "architect":
        return Architect()
    if settings.agent == "executor":
        return Executor(gives_feedback=not settings.is_reviewed)
    raise InputError(f"no agent is called {settings.agent!r}; there are witness, architect and executor")


def _witness(settings: WitnessSettings, graph_files: GraphFiles | None) -> Agent:
    # FAISS and NumPy are loaded only in the process that is WITNESS: they cost 60 MB and a tenth of a second.
    from agents.witness import Witness
    from store.memory import FaissMemory
    from store.memory_cache import IndexCache

    embedder = embedder_of(settings)
    cache = None
    if graph_files is not None:
        folder = Path(graph_files.folder)
        cache = IndexCache.of_run(folder, is_written=graph_files.is_written, report=warn)
    memory = FaissMemory(embedder.name, embedder.dimension_count, cache=cache)
    return Witness(
        memory,
        embedder,
        _judge(settings),
        settings.thresholds,
        pattern_count_max=settings.patterns_max,
        review_above=settings.review_above,
    )


def _judge(settings: WitnessSettings) -> Judge:
    if settings.detector == "linear":
        from agents.linear_judge import LinearJudge

        return LinearJudge(weights_of(settings).model, evidence_of(settings))
    from agents.lexicon import default_lexicon
    from agents.lexicon_judge import LexiconJudge

    return LexiconJudge(default_lexicon())
