"""The wheel and an installation of it, made once."""

from pathlib import Path

import pytest

from tests.packaging.installation import Installation, build_wheel, install_trinity


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """Shared, so a test must not change it."""
    return install_trinity(tmp_path_factory.mktemp("installed") / "venv", wheel)
