"""Builds the optional CPU kernels; everything else is in pyproject.toml."""

import platform
import sys

import jax
from setuptools import Extension, setup

FOLDER = "brainfcn_jax/network/kernels/"
TILE_FLAGS = "-mamx-tile -mamx-bf16 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512bf16 -mfma"
TILE_HEADERS = ["ceil_div.h", "parallel.h", "scratch.h", "tiles.h"]
VECTOR_SOURCES = [
    "avx2.cc",
    "avx512.cc",
    "convolve.cc",
    "kernel_gradient.cc",
    "neon.cc",
    "variants.cc",
    "vector_calls.cc",
]
VECTOR_HEADERS = [
    "ceil_div.h",
    "convolve.h",
    "direct.h",
    "gradient_work.h",
    "kernel_gradient.h",
    "layer.h",
    "outer_products.h",
    "packing.h",
    "parallel.h",
    "pixels.h",
    "product.h",
    "scratch.h",
    "thin_gradient.h",
    "tile_transforms.h",
    "variant.h",
    "vectors.h",
    "winograd.h",
    "winograd_gradient.h",
]


def kernels(name: str, sources: list[str], headers: list[str], flags: str = "") -> Extension:
    """A library of kernels, which may fail to build: XLA's own convolutions do the same, slower."""
    return Extension(
        f"brainfcn_jax.network.kernels.{name}",
        sources=[FOLDER + source for source in sources],
        depends=[FOLDER + header for header in headers],
        include_dirs=[jax.ffi.include_dir()],
        extra_compile_args=["-O3", "-std=c++17", *flags.split()],
        language="c++",
        optional=True,
    )


x86 = platform.machine() in ("x86_64", "AMD64")
on_unix = sys.platform in ("linux", "darwin")
libraries = []
if on_unix and (x86 or platform.machine() in ("aarch64", "arm64")):
    libraries.append(kernels("_vector", VECTOR_SOURCES, VECTOR_HEADERS))
if sys.platform == "linux" and x86:
    libraries.append(kernels("_tiles", ["conv3x3.cc"], TILE_HEADERS, TILE_FLAGS))
setup(ext_modules=libraries)
