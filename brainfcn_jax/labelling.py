"""Cases labelled one after another, in batches as large as the device's memory allows."""

import dataclasses

import jax

from brainfcn_jax.cases import LabelledCase, LoadedCase, OpenModel
from brainfcn_jax.evaluation import label_case
from brainfcn_jax.evaluation_settings import EvaluationSettings
from brainfcn_jax.predict import BATCH_SLICES

_OUT_OF_MEMORY = "RESOURCE_EXHAUSTED"


class Labeller:
    """Labels cases with one model; remembers the batch size that fitted.

    Attributes:
        batch_slices: how many slices go through the network at once.
    """

    def __init__(self, opened: OpenModel, batch_slices: int = BATCH_SLICES) -> None:
        self._opened = opened
        self.batch_slices = batch_slices

    def label(self, loaded: LoadedCase, settings: EvaluationSettings) -> LabelledCase:
        """Labels a case; where the device's memory runs out, with half the slices at once.

        A note says so. Raises as `label_case` does, and JaxRuntimeError when even one slice is too
        much for the device.
        """
        asked_for = self.batch_slices
        while True:
            try:
                labelled = label_case(loaded, self._opened, settings, self.batch_slices)
                break
            except jax.errors.JaxRuntimeError as error:
                if _OUT_OF_MEMORY not in str(error) or self.batch_slices == 1:
                    raise
                self.batch_slices //= 2
        if self.batch_slices == asked_for:
            return labelled
        note = (
            f"the device's memory was too small for {asked_for} slices at once; "
            f"{self.batch_slices} were taken from here on"
        )
        return dataclasses.replace(labelled, notes=(*labelled.notes, note))
