"""What git says of this repository."""

import subprocess


def git(*arguments: str) -> str:
    """Return what a git command prints, without the last line's end; nothing where it fails."""
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=False).stdout.strip()
