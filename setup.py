"""Builds the optional CPU kernels; everything else is in pyproject.toml."""

import platform
import sys

import jax
from setuptools import Extension, setup

FLAGS = """
    -O3 -std=c++17 -mamx-tile -mamx-bf16
    -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx512bf16 -mfma
"""

on_linux_x86 = sys.platform == "linux" and platform.machine() == "x86_64"
kernels = Extension(
    "brainfcn_jax.network.kernels._tiles",
    sources=["brainfcn_jax/network/kernels/conv3x3.cc"],
    depends=["brainfcn_jax/network/kernels/parallel.h", "brainfcn_jax/network/kernels/tiles.h"],
    include_dirs=[jax.ffi.include_dir()],
    extra_compile_args=FLAGS.split(),
    language="c++",
    optional=True,
)
setup(ext_modules=[kernels] if on_linux_x86 else [])
