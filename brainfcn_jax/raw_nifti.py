"""NIfTI files in memory, from an array and a voxel size alone (numpy)."""

import numpy as np
from jaxtyping import Float32, UInt8

_HEADER_BYTES, _VOXELS_AT = 348, 352
_CODES = {np.dtype(np.uint8): 2, np.dtype(np.float32): 16}
_MILLIMETRES, _ALIGNED = 2, 2

_HEADER = np.dtype(
    {
        "names": [
            "sizeof_hdr", "dim", "datatype", "bitpix", "pixdim", "vox_offset", "scl_slope",
            "xyzt_units", "sform_code", "srow", "magic",
        ],
        "formats": [
            "<i4", ("<i2", 8), "<i2", "<i2", ("<f4", 8), "<f4", "<f4", "u1", "<i2",
            ("<f4", (3, 4)), "S4",
        ],
        "offsets": [0, 40, 70, 72, 76, 108, 112, 123, 254, 280, 344],
        "itemsize": _HEADER_BYTES,
    }
)  # fmt: skip
"""The fields of a NIfTI-1 header that are not zero here."""


def nifti_bytes(
    volume: UInt8[np.ndarray, "x y z"] | Float32[np.ndarray, "x y z"],
    spacing_mm: tuple[float, float, float],
) -> bytes:
    """A NIfTI-1 file whose middle voxel lies at the origin, axes to the right, front and top."""
    spacings = np.array(spacing_mm)
    header = np.zeros((), _HEADER)
    header["sizeof_hdr"] = _HEADER_BYTES
    header["dim"] = (3, *volume.shape, 1, 1, 1, 1)
    header["datatype"], header["bitpix"] = _CODES[volume.dtype], 8 * volume.dtype.itemsize
    header["pixdim"] = (1, *spacings, 0, 0, 0, 0)
    header["vox_offset"], header["scl_slope"] = _VOXELS_AT, 1
    header["xyzt_units"], header["sform_code"] = _MILLIMETRES, _ALIGNED
    middle = (np.array(volume.shape) - 1) / 2
    header["srow"] = np.column_stack([np.diag(spacings), -spacings * middle])
    header["magic"] = b"n+1"
    no_extensions = bytes(_VOXELS_AT - _HEADER_BYTES)
    voxels = volume.astype(volume.dtype.newbyteorder("<"), copy=False)
    return header.tobytes() + no_extensions + voxels.tobytes(order="F")
