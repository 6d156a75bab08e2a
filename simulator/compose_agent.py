"""Builds one agent with its models, ledger and memory, in whatever process it is to live.

Must not import the engine or a transport.
"""

import os

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
from bus.bodies import PatternKind
from bus.errors import InputError
from bus.redaction import Redactor, known_secrets
from simulator.faults.models import FaultyModel
from simulator.faults.pace import FaultyPace
from simulator.faults.rules import ActiveRule
from simulator.scenario import DetectorName
from simulator.streams import Streams


class AgentSettings(Struct, frozen=True):
    """All that an agent is built from; sent to its process as JSON."""

    agent: str
    seed: int
    granted_nanousd: int
    thresholds: dict[PatternKind, float]
    models: dict[Tier, ModelSpec]
    retry: RetryPolicy
    faults: tuple[ActiveRule, ...] = ()
    """The rules that are asked where it runs; see :func:`simulator.faults.mix.rules_of_agent`."""
    detector: DetectorName = "lexicon"
    """Of WITNESS."""


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
        return _witness(settings)
    if settings.agent == "architect":
        return Architect()
    if settings.agent == "executor":
        return Executor()
    raise InputError(f"no agent is called {settings.agent!r}; there are witness, architect and executor")


def _witness(settings: AgentSettings) -> Agent:
    # FAISS and NumPy are loaded only in the process that is WITNESS: they cost 60 MB and a tenth of a second.
    from agents.embedder import HashingEmbedder
    from agents.witness import Witness
    from store.memory import FaissMemory

    embedder = HashingEmbedder()
    memory = FaissMemory(embedder.name, embedder.dimension_count)
    return Witness(memory, embedder, _judge(settings.detector), settings.thresholds)


def _judge(detector: DetectorName) -> Judge:
    if detector == "linear":
        from agents.linear_file import default_model
        from agents.linear_judge import LinearJudge

        return LinearJudge(default_model().model)
    from agents.lexicon import default_lexicon
    from agents.lexicon_judge import LexiconJudge

    return LexiconJudge(default_lexicon())
