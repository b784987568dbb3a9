"""Random tests draw the same values every time, and are not judged by a busy machine's clock."""

from hypothesis import settings

settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")
