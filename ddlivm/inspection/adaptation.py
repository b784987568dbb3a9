"""A model that is adapted to the flight that it inspects, and the directory that it ships as."""

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from ddlivm.data import AlignedPair, Pair
from ddlivm.files import sha256, write_json
from ddlivm.inspection.model import FILE, ShippedModel
from ddlivm.parameters import Adaptation, Thermography

if TYPE_CHECKING:  # torch and mmdet are imported where the work is
    from ddlivm.adaptation.adapt import Adapted
    from ddlivm.adaptation.record import AdaptationRecord
    from ddlivm.augmentation.source_tiles import SourceTiles
    from ddlivm.selection.chain import Chain


@dataclass(frozen=True)
class Adapter:
    """Adapts a model while an inspection runs.

    Attributes:
        tiles: Loads the source tiles that travel with the model.
        settings: The section that travels with it.
        thermography: When a hot region counts as an anomaly.
        minutes: How long to tune.
        work: Scratch that survives a kill.
        keep: Is given an adaptation that is better than the shipped head.
    """

    tiles: "Callable[[], SourceTiles]"
    settings: Adaptation
    thermography: Thermography
    minutes: float
    work: Path
    keep: "Callable[[Adapted], None]"

    @classmethod
    def of(cls, model: ShippedModel, minutes: float, work: Path, out: Path) -> Self:
        """Return what adapts a shipped model, by the settings that travel with it, and writes the adapted one to `out`.

        Args:
            model: The shipped model.
            minutes: How long to tune.
            work: Scratch that survives a kill.
            out: The directory to make.
        """

        def tiles() -> "SourceTiles":
            from ddlivm.augmentation.source_tiles import SourceTiles

            return SourceTiles.load(model.encoders)

        def keep(adapted: "Adapted") -> None:
            write_adapted(model, adapted, out)

        settings = model.card.settings
        return cls(tiles, settings.adaptation, settings.thermography, minutes, work, keep)

    def adapt(self, chain: "Chain", head: str, pairs: Sequence[AlignedPair]) -> "tuple[Chain, str, AdaptationRecord]":
        """Adapt a head to the pairs of one flight.

        Returns:
            The chain to go on with, its head, and what it cost; the shipped ones where the adapted head is no better.

        Raises:
            InputError: The head is not an FCOS head, the model has no source tiles, or a loss is not a number.
        """
        from ddlivm.adaptation.adapt import HEAD, adapt

        adapted = adapt(chain, head, self.tiles(), pairs, self.settings, self.thermography, self.minutes, self.work)
        if not adapted.record.kept:
            return chain, head, adapted.record
        self.keep(adapted)
        return adapted.chain, HEAD, adapted.record


def scratch_of(model: ShippedModel, pairs: Sequence[Pair], minutes: float, scratch: Path) -> Path:
    """Return where an adaptation keeps its checkpoints; what another model, other pairs or minutes left is deleted.

    Args:
        model: The shipped model.
        pairs: The flight's pairs.
        minutes: How long to tune.
        scratch: The folder beside the inspection that is for this alone.
    """
    files = [path.stat() for pair in pairs for path in (pair.infrared_path, pair.visible_path)]
    facts = [model.card.content_hash, minutes, [(file.st_size, file.st_mtime_ns) for file in files]]
    work = scratch / hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
    for other in scratch.glob("*"):
        if other != work:
            shutil.rmtree(other)
    return work


def told(content: dict[str, Any] | None) -> list[str]:
    """Say what an adaptation cost and what it changed, in lines; none where there was none.

    Args:
        content: `AdaptationRecord.content`.
    """
    if content is None:
        return []
    lines = [
        f"adapted from {content['adapted_from']} to these pairs without labels (transductive): {content['steps']} steps"
        f" in {content['seconds'] / 60:.1f} minutes on {content['pairs']} pairs, {content['set_aside']} set aside"
    ]
    for key, place in (("flight", "on pasted defects of the pairs set aside"), ("sources", "on source tiles")):
        worths = [content[key][when] for when in ("before", "after")]
        accuracies, recalls = ([f"{worth[name]:.2f}" for worth in worths] for name in ("accuracy", "recall40"))
        lines.append(f"{place}: accuracy {' -> '.join(accuracies)}, recall@0.4 {' -> '.join(recalls)}")
    agreed = content["agreement"]
    if content["familiar"]:
        return [
            f"not adapted: {content['adapted_from']} finds what thermography reports on these pairs (recall"
            f" {agreed['recall40']:.2f}, confirmed {agreed['accuracy']:.2f}), and tuning would do more harm than good"
        ]
    if not content["kept"]:
        lines.append("the adapted head is no better there, so the shipped model was used")
    return lines


def write_adapted(shipped: ShippedModel, adapted: "Adapted", out: Path) -> ShippedModel:
    """Write an adapted model: the shipped directory with other encoders and one head.

    The infrared-only reference is copied as it is; nobody may choose it.

    Args:
        shipped: The model that was adapted.
        adapted: What became of it.
        out: The directory to make.
    """
    from ddlivm.adaptation.adapt import EPOCH, HEAD
    from ddlivm.detector.load import FCOS, Detector
    from ddlivm.detector.weights import save_weights

    detector = adapted.chain.detector
    assert isinstance(detector, Detector)
    shutil.copytree(shipped.folder, out, ignore=shutil.ignore_patterns(FILE, "entry_*", "encoders.safetensors"))
    save_weights(
        out / "encoders" / "encoders.safetensors", {"infrared": detector.infrared, "visible": detector.visible}
    )
    entry = f"entry_{EPOCH}.safetensors"
    save_weights(out / "bank" / entry, {"": detector.entries[EPOCH]})
    write_json(out / "bank" / "bank.json", {"entries": {EPOCH: {"file": entry, "heads": [FCOS]}}})
    files = [path for path in sorted(out.rglob("*")) if path.is_file()]
    card = replace(
        shipped.card,
        default=HEAD,
        heads=(HEAD,),
        calibrations=dict(adapted.chain.calibrations),
        files={path.relative_to(out).as_posix(): sha256(path) for path in files},
        adaptation=adapted.record.content() | {"model": shipped.card.content_hash},
    )
    write_json(out / FILE, card.content())
    return ShippedModel.load(out)


def adapt_to_site(data: Path, site: str, model: Path, settings: Adaptation, out: Path, work: Path) -> None:
    """Adapt a shipped model to a site of a data set, without its labels.

    Writes `adaptation.json`, and `model/`: the adapted model, or a copy of the shipped one where that was no worse.

    Args:
        data: The data set's folder.
        site: The site's id; its `annotations.json` is not opened.
        model: The shipped model's directory.
        settings: The section; it stands in for the one that travels with the model.
        out: An empty folder to fill.
        work: Scratch that survives a kill.

    Raises:
        InputError: An input is missing or damaged, or no pair can be used.
    """
    from ddlivm.inspection.folder import find_pairs
    from ddlivm.inspection.inspector import Inspector

    shipped = ShippedModel.load(model)
    inspector = Inspector.load(shipped)
    adapter = Adapter.of(shipped, settings.minutes, work, out / "model")
    _, _, pairs = inspector.align_pairs(find_pairs(data / site).pairs, lambda entry: print(f"left out: {entry.reason}"))
    _, _, record = replace(adapter, settings=settings).adapt(inspector.chain, shipped.card.default, pairs)
    if not record.kept:
        shutil.copytree(shipped.folder, out / "model")
    write_json(out / "adaptation.json", record.content())
