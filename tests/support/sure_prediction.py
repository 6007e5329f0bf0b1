"""What a network says that is sure of every label."""

import numpy as np

from brainfcn_jax.inference.prediction import NetworkInput, Prediction
from brainfcn_jax.labels import TISSUES


def sure_prediction(
    labels: np.ndarray, given: NetworkInput, with_probabilities: bool
) -> Prediction:
    """Returns a prediction that gives the label of each voxel of an input the probability 1."""
    x, y, z = (weights.astype(np.float64) for weights in given.voxel_weights)
    weights = x[:, None, None] * y[None, :, None] * z[None, None, :]
    sums = np.bincount(labels.ravel(), weights.ravel(), minlength=TISSUES.classes)
    one_hot = np.eye(TISSUES.classes, dtype=np.float16)[:, labels]
    entropy = np.zeros(labels.shape, np.float16)
    return Prediction(labels, entropy, sums, one_hot if with_probabilities else None)
