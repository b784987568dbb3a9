"""The one exception a user sees."""


class InputError(Exception):
    """Something the user gave cannot be used.

    The message is one line: which file, key or box; what was expected; what to do. Commands print it without a
    traceback and exit with status 2.
    """
