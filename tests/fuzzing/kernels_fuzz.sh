#!/bin/sh
# Fuzzes the vector kernels: under AddressSanitizer and UndefinedBehaviourSanitizer, and for AArch64
# where there are a cross compiler and qemu (on Debian: g++-aarch64-linux-gnu, qemu-user).
#
#     tests/fuzzing/kernels_fuzz.sh [ROUNDS [FIRST_SEED]]
set -eu
rounds=${1:-100}
first=${2:-0}
root=$(cd "$(dirname "$0")/../.." && pwd)
kernels=$root/brainfcn_jax/network/kernels
built=$(mktemp -d)
trap 'rm -r "$built"' EXIT

build() {
    program=$1
    shift
    "$@" -std=c++17 -O1 -g -pthread -I"$kernels" -o "$built/fuzz" \
        "$root/tests/fuzzing/$program.cc" "$kernels/avx2.cc" "$kernels/avx512.cc" \
        "$kernels/neon.cc" "$kernels/variants.cc" "$kernels/convolve.cc" \
        "$kernels/kernel_gradient.cc"
}

for program in convolve_fuzz kernel_gradient_fuzz; do
    build $program "${CXX:-g++}" -fsanitize=address,undefined -fno-sanitize-recover=all
    "$built/fuzz" "$rounds" "$first"
    if command -v aarch64-linux-gnu-g++ qemu-aarch64 > "$built/found"; then
        build $program aarch64-linux-gnu-g++ -static
        qemu-aarch64 "$built/fuzz" "$rounds" "$first"
    fi
done
