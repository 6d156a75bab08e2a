"""Runs a sentence model with the library sentence-transformers on one thread of the CPU. Must not download.

Imported only when such a model is chosen. Nothing but safetensors is loaded, and no code of the model runs.
"""

import logging
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

from agents.sentence_model import SentenceModel
from bus.errors import EnvironmentProblem, InputError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

CHARACTER_COUNT_MAX = 2_000
"""Characters of a text that the tokenizer gets."""
TOKEN_COUNT_MAX = 256
"""Tokens of a text that are looked at, or fewer if the model says so; bounds the memory that a text takes."""
BATCH_SIZE_MAX = 32
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
}
"""Read by the libraries when they are imported: no network, no threads, and nothing printed."""
_STAND_INS = {"sklearn.metrics": "pairwise_distances", "scipy.sparse": "coo_matrix"}


class SentenceEncoder:
    """A loaded model.

    Raises:
        InputError: a file of the model is damaged or of an unknown kind.
        EnvironmentProblem: the libraries of the extra ``semantic`` are not installed.
    """

    def __init__(self, model: SentenceModel) -> None:
        os.environ.update(ENVIRONMENT)
        self.sha256 = model.sha256
        with _without_scipy():
            self._model = _loaded(model)
        self.dimension_count = len(self.encode("a"))

    def encode(self, text: str) -> Sequence[float]:
        """The vector of one text, which is alone in its batch: nothing else can change it."""
        return self._encoded([text[:CHARACTER_COUNT_MAX]])[0]

    def encode_many(self, texts: Sequence[str]) -> list[Sequence[float]]:
        """Four times as fast: texts of equally many tokens go together, so that none is padded.

        With PyTorch 2.13 every bit was that of :meth:`encode`, which no library promises.
        """
        cut = [text[:CHARACTER_COUNT_MAX] for text in texts]
        places: defaultdict[int, list[int]] = defaultdict(list)
        for place, text in enumerate(cut):
            places[self._token_count(text)].append(place)
        vectors: dict[int, Sequence[float]] = {}
        for alike in places.values():
            for start in range(0, len(alike), BATCH_SIZE_MAX):
                batch = alike[start : start + BATCH_SIZE_MAX]
                found = self._encoded([cut[place] for place in batch])
                vectors.update(zip(batch, found, strict=True))
        return [vectors[place] for place in range(len(cut))]

    def _encoded(self, texts: list[str]) -> list[list[float]]:
        # The library adds the model's own prompt, and computes no gradients.
        found = self._model.encode(texts, batch_size=len(texts), show_progress_bar=False)
        vectors: list[list[float]] = found.tolist()
        return vectors

    def _token_count(self, text: str) -> int:
        return int(self._model.preprocess([text])["input_ids"].shape[-1])


def _loaded(model: SentenceModel) -> "SentenceTransformer":
    try:
        import torch
        from sentence_transformers import SentenceTransformer
    except ImportError as missing:
        raise EnvironmentProblem(
            f"the semantic embedder cannot start ({missing}): pip install 'trinity-bus[semantic]', "
            "or use the embedder hashing"
        ) from None
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)  # it tells of prompts, each time
    torch.set_num_threads(1)
    # oneDNN keeps a compiled copy of its work for every length of text: 20 MB, and no time is saved.
    torch.backends.mkldnn.enabled = False
    try:
        loaded = SentenceTransformer(
            str(model.folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": torch.float32},
        )
        loaded.max_seq_length = min(loaded.max_seq_length or TOKEN_COUNT_MAX, TOKEN_COUNT_MAX)
    except Exception as error:  # noqa: BLE001 - what the library raises for a bad file is not said anywhere
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"{model.folder}: {reason}; take the model as it came") from None
    return loaded.eval()


@contextmanager
def _without_scipy() -> Iterator[None]:
    """Hide SciPy and scikit-learn while the library is imported, which saves 70 MB.

    When it is imported it takes one function of each, for similarities that nobody here asks it for;
    transformers takes SciPy if it is there, for losses of object detection. What somebody else has imported
    already stays.
    """
    hidden = {name for name in ("scipy", "sklearn") if name not in sys.modules}
    for module, function in _STAND_INS.items():
        package = module.partition(".")[0]
        if package in hidden:
            stand_in = ModuleType(module)
            setattr(stand_in, function, None)
            sys.modules[module] = stand_in
            # None is how Python is told that there is no such module.
            sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in _STAND_INS:
            package = module.partition(".")[0]
            if package in hidden:
                del sys.modules[package], sys.modules[module]
