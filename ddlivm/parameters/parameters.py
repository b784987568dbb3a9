"""The whole of params.yaml with one profile laid over it."""

from typing import Literal

from pydantic import Field, model_validator

from ddlivm.parameters.adaptation import Adaptation
from ddlivm.parameters.alignment import Alignment
from ddlivm.parameters.background_removal import BackgroundRemoval
from ddlivm.parameters.base import Section
from ddlivm.parameters.calibration import Calibration
from ddlivm.parameters.cross_domain_evaluation import CrossDomainEvaluation
from ddlivm.parameters.dtft_training import DtftTraining
from ddlivm.parameters.gate import Gate
from ddlivm.parameters.head_checkpointing import HeadCheckpointing
from ddlivm.parameters.head_selection import HeadSelection
from ddlivm.parameters.hstd_augmentation import HstdAugmentation
from ddlivm.parameters.registration import Registration
from ddlivm.parameters.report import Report
from ddlivm.parameters.simulation import Simulation
from ddlivm.parameters.thermography import Thermography

Profile = Literal["demo", "small", "paper"]


class Parameters(Section):
    """Every section.

    Attributes:
        profile: which overlay is in force.
        sites: the data set's sites, in order.
        folds: the folds to run: held-out sites, and `all` for the model that ships.
    """

    profile: Profile
    sites: list[str] = Field(min_length=1)
    folds: list[str] = Field(min_length=1)
    gate: Gate
    calibration: Calibration
    simulation: Simulation
    hstd_augmentation: HstdAugmentation
    background_removal: BackgroundRemoval
    alignment: Alignment
    dtft_training: DtftTraining
    head_checkpointing: HeadCheckpointing
    head_selection: HeadSelection
    cross_domain_evaluation: CrossDomainEvaluation
    report: Report
    registration: Registration
    adaptation: Adaptation
    thermography: Thermography

    @model_validator(mode="after")
    def _folds_are_sites(self) -> "Parameters":
        groups = self.calibration.sites
        for name in (site for group in groups for site in group):
            if name not in self.sites:
                raise ValueError(f"calibration.sites: {name!r} is no site; `sites` has {', '.join(self.sites)}")
        for fold in self.folds if groups else ():
            held_out = set(self.gate.sites) if fold == "all" else {fold}
            if all(held_out & set(group) for group in groups):
                raise ValueError(f"calibration.sites: every group has a site that fold {fold!r} holds out; add another")
        for name in (*self.gate.sites, *(fold for fold in self.folds if fold != "all")):
            if name not in self.sites:
                raise ValueError(f"{name!r} is no site; `sites` has {', '.join(self.sites)}")
        return self
