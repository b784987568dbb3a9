"""A site has one rig: find it from its surest pairs, then say how well each pair keeps to it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ddlivm.alignment.evidence import PairEvidence
from ddlivm.alignment.match import Estimate, corner_distance, in_raw_pixels
from ddlivm.alignment.matching import align_by_structure
from ddlivm.alignment.paper import align_by_masks
from ddlivm.alignment.rigs import APART, Rig, Rigs
from ddlivm.data.transforms import PairAlignment, Transform
from ddlivm.errors import InputError
from ddlivm.parameters.alignment import Alignment

NO_PANELS = "no_panels"
LOW_CONFIDENCE = "low_confidence"
SITE_FALLBACK = "site_fallback"
REGISTERED = "registered"
RIG_CHANGED = "rig_changed"
Sizes = tuple[tuple[int, int], tuple[int, int]]
Method = Callable[[Sequence[PairEvidence], Alignment, Transform | None], Estimate]
METHODS: dict[str, Method] = {
    "structure": align_by_structure,
    "paper": align_by_masks,
}


@dataclass(frozen=True)
class _Own:
    """What is kept of a pair: sizes, its own estimate, and what was noticed."""

    sizes: Sizes
    estimate: Estimate
    flags: tuple[str, ...]


def align_pairs(pairs: Iterable[PairEvidence], parameters: Alignment) -> tuple[PairAlignment, dict[str, PairAlignment]]:
    """Align the pairs of one site.

    Pairs are looked at one after the other; of each rig, the evidence of at most `evidence_pairs` is kept.

    Args:
        pairs: all of one site, in the order of the flight.
        parameters: the section.

    Returns:
        The transform of the rig that most pairs share, and each pair's by name. Confidence is how likely it is that no
        corner is off by more than 20 pixels. Flags: `no_panels` (a mask is empty or full), `blank_infrared` and
        `blank_visible` (the image shows nothing), `strip_infrared` and `strip_visible` (the image has no camera's
        shape), `low_confidence`, `site_fallback` (the site's transform stands in
        for the pair's own), `registered` (the images came aligned), `rig_changed` (of the site: its pairs are of
        several rigs; of a pair: it is not of the one that most share).

    Raises:
        InputError: no pair shows panels and ground in both images.
    """
    method = METHODS[parameters.method]
    rigs, owns = Rigs(parameters), {}
    for pair in pairs:
        flags, estimate = pair.faults, Estimate(_upright(pair.sizes), 0.0)
        if not flags:
            estimate = method(
                [pair if pair.shows_panels else pair.without_masks()], parameters, rigs.likely(pair) or _by_lenses(pair)
            )
        if not pair.shows_panels:
            flags = (*flags, NO_PANELS)
        elif not flags:
            rigs.add(pair, estimate)
        owns[pair.name] = _Own(pair.sizes, estimate, flags)
    settled = rigs.settled()
    if not settled:
        noticed = sorted({flag for own in owns.values() for flag in own.flags})
        raise InputError(
            f"alignment: none of {len(owns)} pairs shows panels and ground in both images "
            f"({', '.join(noticed) or 'no pairs'}); give pairs of a PV plant"
        )
    sites = [(rig.sizes, _of_rig(rig, method, parameters)) for rig in settled]
    main = sites[0][1]
    if len(sites) > 1:
        main = replace(main, flags=(*main.flags, RIG_CHANGED))
    return main, _each(owns, sites, parameters)


def align_pair(pair: PairEvidence, parameters: Alignment) -> PairAlignment:
    """Align one pair on its own."""
    return align_pairs([pair], parameters)[1][pair.name]


def _of_rig(rig: Rig, method: Method, parameters: Alignment) -> PairAlignment:
    """Add up the evidence of a rig's pairs."""
    likely = rig.transform if rig.is_known(parameters.minimum_confidence) else None
    shared = rig.latest[0] if rig.count == 1 else method(rig.evidence, parameters, likely)
    flags = [REGISTERED] if _is_registered(shared.transform, rig.sizes) else []
    if shared.confidence < parameters.minimum_confidence:
        flags.append(LOW_CONFIDENCE)
    return PairAlignment(_rounded(shared.transform), round(shared.confidence, 4), tuple(flags))


def _each(
    owns: dict[str, _Own], sites: list[tuple[Sizes, PairAlignment]], parameters: Alignment
) -> dict[str, PairAlignment]:
    """Return each pair's alignment; one that agrees with no rig follows the last one before it that does.

    However sure such a pair is, it is not believed: height moves a frame by some pixels, a mistake along a row by a
    module.
    """
    aligned, current = {}, sites[0]
    for name, own in owns.items():
        size = own.sizes[0]
        apart = [
            corner_distance(site.transform, own.estimate.transform, size) if sizes == own.sizes else np.inf
            for sizes, site in sites
        ]
        nearest = int(np.argmin(apart))
        sure = own.estimate.confidence >= parameters.minimum_confidence
        near = APART if sure else parameters.tolerance
        agrees = own.estimate.confidence > 0 and apart[nearest] < in_raw_pixels(near, size)
        if agrees:
            current = sites[nearest]
        elif current[0] != own.sizes:
            current = next((each for each in sites if each[0] == own.sizes), sites[0])
        site = current[1]
        flags = [*own.flags, *(flag for flag in site.flags if flag != LOW_CONFIDENCE)]
        if current is not sites[0]:
            flags.append(RIG_CHANGED)
        transform = site.transform if current[0] == own.sizes else _rescaled(site.transform, current[0], own.sizes)
        # Two that agree by chance are rare: a pair is as sure as its rig, or as little as the rig leaves.
        likely = max(own.estimate.confidence, site.confidence)
        if not agrees:
            likely = min(own.estimate.confidence, 1 - site.confidence)
        residual = None
        if agrees and likely >= parameters.minimum_confidence:
            residual = round(apart[nearest], 2)
            if sure and residual > in_raw_pixels(parameters.tolerance, size):
                transform = _rounded(own.estimate.transform)
        else:
            flags += [LOW_CONFIDENCE, SITE_FALLBACK] if len(owns) > 1 else [LOW_CONFIDENCE]
        aligned[name] = PairAlignment(transform, round(likely, 4), tuple(flags), residual)
    return aligned


def _by_lenses(pair: PairEvidence) -> Transform | None:
    """Return where parallel cameras' pictures lie, by their lenses; None where these are not known."""
    if pair.width_share is None:
        return None
    (width, height), visible = pair.sizes
    scale = pair.width_share * visible[0] / width
    return Transform(scale, (visible[0] - scale * width) / 2, (visible[1] - scale * height) / 2)


def _upright(sizes: Sizes) -> Transform:
    return Transform(sizes[1][0] / sizes[0][0], 0.0, 0.0)


def _rescaled(transform: Transform, sizes: Sizes, others: Sizes) -> Transform:
    """Return the transform of the same cameras at another resolution."""
    infrared, visible = others[0][0] / sizes[0][0], others[1][0] / sizes[1][0]
    return replace(
        transform,
        scale=transform.scale * visible / infrared,
        offset_x=transform.offset_x * visible,
        offset_y=transform.offset_y * visible,
    )


def _is_registered(transform: Transform, sizes: Sizes) -> bool:
    """Whether one frame is the other, up to the resolution: every corner within 2 % of the width."""
    return corner_distance(transform, _upright(sizes), sizes[0]) < 0.02 * sizes[0][0]


def _rounded(transform: Transform) -> Transform:
    """Drop digits that say nothing, so that rounding differences of a processor seldom show."""
    return replace(
        transform,
        scale=round(transform.scale, 5),
        offset_x=round(transform.offset_x, 2),
        offset_y=round(transform.offset_y, 2),
        rotation_deg=round(transform.rotation_deg, 3),
    )
