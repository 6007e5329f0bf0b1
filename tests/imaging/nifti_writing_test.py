"""NIfTI files made in memory, read back by nibabel."""

from pathlib import Path

import nibabel
import numpy as np
import pytest

from brainfcn_jax.imaging.nifti_writing import nifti_bytes


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_nifti_in_memory_is_read_by_nibabel(tmp_path: Path, dtype: type) -> None:
    volume: np.ndarray = np.arange(24).reshape(2, 3, 4).astype(dtype)
    (tmp_path / "image.nii").write_bytes(nifti_bytes(volume, (1.0, 2.0, 0.5)))
    image = nibabel.Nifti1Image.from_filename(tmp_path / "image.nii")
    np.testing.assert_array_equal(np.asarray(image.dataobj), volume)
    assert image.get_data_dtype() == dtype
    middle = nibabel.affines.apply_affine(image.affine, (np.array(volume.shape) - 1) / 2)
    np.testing.assert_allclose(middle, 0)
    np.testing.assert_allclose(np.diag(image.affine), (1, 2, 0.5, 1))
