"""Cases labelled one after another, in batches as large as the device's memory allows."""

import dataclasses

import jax

from brainfcn_jax.cases import LabelledCase, LoadedCase, OpenModel
from brainfcn_jax.errors import BrainfcnError, first_line
from brainfcn_jax.evaluation import label_case
from brainfcn_jax.evaluation_settings import EvaluationSettings
from brainfcn_jax.predict import BATCH_SLICES
from brainfcn_jax.resources import is_out_of_memory


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

        A note says so.

        Raises:
            InputError: as `label_case` does.
            BrainfcnError: even one slice is too much for the device.
        """
        asked_for = self.batch_slices
        while True:
            try:
                labelled = label_case(loaded, self._opened, settings, self.batch_slices)
                break
            except jax.errors.JaxRuntimeError as error:
                if not is_out_of_memory(error):
                    raise
                if self.batch_slices == 1:
                    raise BrainfcnError(
                        f"'{loaded.case.volume}' cannot be labelled: the device's memory is too "
                        f"small for it, one slice at a time too ({first_line(error)}); end what "
                        "else uses the device, or label on the processor, with JAX_PLATFORMS=cpu"
                    ) from error
                self.batch_slices //= 2
        if self.batch_slices == asked_for:
            return labelled
        note = (
            f"the device's memory was too small for {asked_for} slices at once; "
            f"{self.batch_slices} were taken from here on"
        )
        return dataclasses.replace(labelled, notes=(*labelled.notes, note))
