"""The command `ddlivm validate`."""

from pathlib import Path

from ddlivm.data.validation import SiteCount, check_manifest, validate_data, write_manifest
from ddlivm.errors import InputError


def validate(folder: Path, manifest: Path | None) -> None:
    """Check a data set and print what it holds.

    Args:
        folder: the data set's folder.
        manifest: a file of sha256 digests: checked if it exists, else written from data that is right.

    Raises:
        InputError: something is wrong; the message has every problem, one a line.
    """
    result = validate_data(folder)
    problems = list(result.problems)
    if manifest is not None and manifest.exists():
        problems += check_manifest(folder, manifest)
    if problems:
        count = f"{len(problems)} problem{'' if len(problems) == 1 else 's'}"
        raise InputError("\n".join([f"{folder}: {count}", *problems]))
    if manifest is not None and not manifest.exists():
        write_manifest(folder, manifest)
    print(_table(result.counts))


def _table(counts: tuple[SiteCount, ...]) -> str:
    total = SiteCount(
        "all",
        "",
        sum(count.pairs for count in counts),
        sum(count.defects for count in counts),
        sum(count.panels for count in counts),
    )
    lines = [f"{'site':<14}{'name':<10}{'pairs':>7}{'defects':>9}{'panels':>8}"]
    lines += [
        f"{count.site:<14}{count.name:<10}{count.pairs:>7}{count.defects:>9}{count.panels:>8}"
        for count in (*counts, total)
    ]
    return "\n".join(lines)
