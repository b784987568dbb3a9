"""Which sites a fold learns from, and which it is tested on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ddlivm.errors import InputError
from ddlivm.files import read_json

ALL = "all"


@dataclass(frozen=True)
class Fold:
    """One cross-domain split.

    Attributes:
        name: the held-out site's id, or `all` for the model that ships.
        sources: the sites whose labels may be learnt from.
        targets: the sites that are held out: only their unlabelled images may be used before evaluation.
        set_aside: sites that are neither sources nor targets: their labels calibrate the heads.
    """

    name: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    set_aside: tuple[str, ...] = ()

    def source_series(self, series: Sequence[Path]) -> dict[str, Path]:
        """Return the augmentation stage's folder of each source site; those of other sites are left closed.

        Args:
            series: the stage's folders; none for a run without diffusion, which has none to return.

        Raises:
            InputError: a folder is no augmentation output, or a source site has none.
        """
        folders = series_by_site(series)
        missing = [site for site in self.sources if site not in folders]
        if folders and missing:
            raise InputError(f"site {missing[0]!r} has no diffused series; run the hstd_augmentation stage for it")
        return {site: folders[site] for site in self.sources if folders}


def series_by_site(series: Sequence[Path]) -> dict[str, Path]:
    """Return which site each of the augmentation stage's folders is of; nothing else in them is looked at.

    Raises:
        InputError: a folder is no augmentation output.
    """
    folders = {}
    for folder in series:
        path = folder / "series.json"
        content = read_json(path)
        if not isinstance(content, dict) or "site" not in content:
            raise InputError(f"{path}: is not the augmentation stage's output (no site); run it again")
        folders[str(content["site"])] = folder
    return folders


@dataclass(frozen=True)
class SetAside:
    """Which source sites a fold keeps for calibration.

    Attributes:
        groups: Sites that are set aside together, in order of preference; a fold takes the first group that has none of
            its held-out sites. No group sets nothing aside.
    """

    groups: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(cls, groups: Sequence[Sequence[str]]) -> "SetAside":
        """Return what a section of params.yaml asks for."""
        return cls(tuple(tuple(group) for group in groups))


NOTHING = SetAside()


def resolve_fold(name: str, sites: Sequence[str], gate_sites: Sequence[str], aside: SetAside = NOTHING) -> Fold:
    """Return the fold that holds `name` out of `sites`; `all` holds out the gate's sites and nothing else.

    Raises:
        InputError: the fold or a gate site is no site of the data, or nothing would be left on either side.
    """
    missing = [site for site in (*gate_sites, *([] if name == ALL else [name])) if site not in sites]
    if missing:
        raise InputError(f"site {missing[0]!r} named in params.yaml is not in the data; it has {', '.join(sites)}")
    targets = tuple(gate_sites) if name == ALL else (name,)
    set_aside = next((group for group in aside.groups if not set(group) & set(targets)), ())
    unknown = [site for site in set_aside if site not in sites]
    if unknown:
        raise InputError(f"calibration.sites: {unknown[0]!r} is not in the data; it has {', '.join(sites)}")
    if aside.groups and not set_aside:
        raise InputError(f"calibration.sites: every group has a site that fold {name!r} holds out; add another group")
    sources = tuple(site for site in sites if site not in (*targets, *set_aside))
    if not sources or not targets:
        raise InputError(f"fold {name!r} leaves no site to {'test on' if sources else 'learn from'}; check gate.sites")
    return Fold(name, sources, targets, set_aside)
