"""The one exception a user sees."""


class InputError(Exception):
    """Something the user gave cannot be used.

    The message is one line: which file, key or box; what was expected; what to do. Commands print it without a
    traceback and exit with status 2.
    """


class ElsewhereError(Exception):
    """Another process of the same run failed and says why; this one ends without a word."""


class Stopped(BaseException):
    """A stage was told to end (SIGTERM) and did, before it was done.

    The message is one line: how far it came. It is no `Exception`, as nothing on the way may take it for a failure.
    """
