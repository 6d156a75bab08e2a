"""Calling a model with a way out: tiers are tried in order until one answers. Must not decide which tiers."""

from agents.agent import Completion, ModelRequest, Models, ModelsUnavailable, Tier

FALLBACKS: dict[Tier, tuple[Tier, ...]] = {
    "cloud": ("cloud", "cloud", "local"),
    "local": ("local", "local", "cloud"),
}
"""In which order tiers are tried: a failed call once more on its own tier, then on the other one."""


RETRY_AFTER_NS_MAX = 60 * 1_000_000_000
"""An agent waits no longer than this for a model that was asked too often."""


def complete_somewhere(
    models: Models, operation_name: str, tier: Tier, prompt: str, output_tokens_max: int
) -> tuple[Completion, Tier]:
    """The first answer, and the tier that gave it. A tier that cannot be afforded is passed over.

    A model that wants to be left alone for a while is, before it is asked again.

    Raises:
        ModelsUnavailable: nobody answered.
    """
    tried: list[str] = []
    order = FALLBACKS[tier]
    for candidate, following in zip(order, (*order[1:], None), strict=True):
        request = ModelRequest(operation_name, candidate, prompt, output_tokens_max)
        if not models.can_afford(request):
            tried.append(f"{candidate}: over budget")
            continue
        completion = models.complete(request)
        if completion.status == "ok":
            return completion, candidate
        tried.append(f"{completion.request_model}: {completion.error_type or completion.status}")
        if completion.retry_after_ns and following == candidate:
            models.wait(min(completion.retry_after_ns, RETRY_AFTER_NS_MAX))
    raise ModelsUnavailable(f"no model answered for {operation_name}: {', '.join(tried)}")
