"""What every test gets: a cache of its own, so that none reads or fills the user's."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory):
    """Keep exports and downloads in a folder that the session shares and that no other run sees."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MATTING_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
