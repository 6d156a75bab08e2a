"""Calling a model with a way out: tiers are tried in order until one answers. Must not decide which tiers."""

from collections.abc import Sequence

from agents.agent import Completion, ModelRequest, Models, ModelsUnavailable, Tier

FALLBACKS: dict[Tier, tuple[Tier, ...]] = {
    "cloud": ("cloud", "cloud", "local"),
    "local": ("local", "local", "cloud"),
}
"""In which order tiers are tried: a failed call once more on its own tier, then on the other one."""


def complete_somewhere(
    models: Models, operation_name: str, tier: Tier, prompt: str, output_tokens_max: int
) -> tuple[Completion, Tier]:
    """The first answer, and the tier that gave it. A tier that cannot be afforded is passed over.

    Raises:
        ModelsUnavailable: nobody answered.
    """
    tried: list[str] = []
    for candidate in _order(tier):
        request = ModelRequest(operation_name, candidate, prompt, output_tokens_max)
        if not models.can_afford(request):
            tried.append(f"{candidate}: over budget")
            continue
        completion = models.complete(request)
        if completion.status == "ok":
            return completion, candidate
        tried.append(f"{completion.request_model}: {completion.status}")
    raise ModelsUnavailable(f"no model answered for {operation_name}: {', '.join(tried)}")


def _order(tier: Tier) -> Sequence[Tier]:
    return FALLBACKS[tier]
