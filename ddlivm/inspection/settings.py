"""How a plant is inspected: the stages' own settings, since a shipped model comes without params.yaml."""

from functools import cache
from pathlib import Path

from pydantic import ValidationError

from ddlivm.errors import InputError
from ddlivm.files import read_yaml
from ddlivm.parameters import Alignment, HeadSelection, Section

FILE = Path(__file__).with_name("settings.yaml")


class Settings(Section):
    """What an inspection runs with.

    Attributes:
        alignment: as in the stage.
        head_selection: as in the stage; few pairs, so that a choice takes a minute or two on two cores.
    """

    alignment: Alignment
    head_selection: HeadSelection


@cache
def load_settings() -> Settings:
    """Read the settings that come with the package.

    Raises:
        InputError: the installed file is damaged.
    """
    try:
        return Settings.model_validate(read_yaml(FILE))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"{FILE}: {'.'.join(map(str, first['loc']))}: {first['msg']}; install ddlivm again") from error
