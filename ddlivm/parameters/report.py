"""The report's section."""

from ddlivm.parameters.base import Section


class Report(Section):
    """What the report shows.

    Attributes:
        title: the page's heading.
    """

    title: str
