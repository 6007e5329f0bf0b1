"""What made the results of a run: software, weights, and how scans were analysed (input)."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import brainfcn_jax
from brainfcn_jax.network.model_file import ModelDescription
from brainfcn_jax.network.shipped_models import FINDER, file_digest, shipped_file
from brainfcn_jax.results.options import Analysis
from brainfcn_jax.schemes import CodeScheme, scheme_for

SOFTWARE = "brainfcn-jax"
"""How results call this software; the name it is installed by."""


@dataclass(frozen=True)
class WeightFile:
    """A weight file, by its name without folders and by its contents."""

    name: str
    sha256: str

    def as_sidecar(self) -> dict[str, str]:
        """Return what a sidecar says of it."""
        return {"File": self.name, "SHA256": self.sha256}


@dataclass(frozen=True)
class Provenance:
    """What made the results of a run; the same for all of its scans.

    Attributes:
        version: of this package, or "not installed" when it runs from its source.
        weights: of the model.
        finder: of what finds the brain; None: no brain is looked for.
        description: of the model.
        analysis: what the user chose.
    """

    version: str
    weights: WeightFile
    finder: WeightFile | None
    description: ModelDescription
    analysis: Analysis

    @property
    def model_name(self) -> str:
        """How tables and pages call the model: its weight file, without the ending."""
        return self.weights.name.removesuffix(".h5")

    @property
    def scheme(self) -> CodeScheme:
        """The code scheme of the references; raises UsageError as `scheme_for` does."""
        return scheme_for(self.analysis.scheme, self.description.labels)

    def generated_by(self) -> list[dict[str, str]]:
        """Return what made the results, as BIDS has it."""
        return [{"Name": SOFTWARE, "Version": self.version}]

    def as_sidecar(self) -> dict[str, Any]:
        """Return the part of a sidecar that all scans share."""
        chosen = self.analysis
        return {
            "GeneratedBy": self.generated_by(),
            "Weights": self.weights.as_sidecar(),
            **({"Finder": self.finder.as_sidecar()} if self.finder else {}),
            "Model": dataclasses.asdict(self.description),
            "Settings": {
                "frame": chosen.frame,
                "scheme": self.scheme.name,
                "contrast": chosen.contrast,
                "views": chosen.views,
            },
        }

    def as_request(self) -> dict[str, Any]:
        """Return the part of a record's `request` that all scans share."""
        return {
            "version": self.version,
            "weights_sha256": self.weights.sha256,
            "finder_sha256": self.finder and self.finder.sha256,
        }


def provenance_of(description: ModelDescription, weights: str, analysis: Analysis) -> Provenance:
    """Return the provenance of what a weight file, with this description, will make.

    Raises:
        WeightsError: it, or what finds the brain, is missing or damaged.
    """
    finder = _weight_file(shipped_file(FINDER)) if description.find_brain else None
    own = _weight_file(Path(weights))
    return Provenance(brainfcn_jax.__version__, own, finder, description, analysis)


def _weight_file(path: Path) -> WeightFile:
    return WeightFile(path.name, file_digest(path))
