import pytest

from tests.training.plants import write_plants


@pytest.fixture(scope="session")
def plants(tmp_path_factory):
    return write_plants(tmp_path_factory.mktemp("plants"))
