// Vectors of float32 as wide as one instruction set has them, by GCC's and Clang's extensions.
//
// A variant's source (avx512.cc, avx2.cc, neon.cc) sets BRAINFCN_LANES, and BRAINFCN_VARIANT: a
// namespace of its own, so that the linker never takes one variant's function for another's. For
// the same reason nothing that a variant includes instantiates templates of the standard library.
#pragma once

#include <cstdint>
#include <cstring>

#define BRAINFCN_INLINE inline __attribute__((always_inline))

namespace brainfcn {
namespace BRAINFCN_VARIANT {

constexpr int kLanes = BRAINFCN_LANES;
typedef float Vector __attribute__((vector_size(4 * BRAINFCN_LANES)));
typedef float UnalignedVector
    __attribute__((vector_size(4 * BRAINFCN_LANES), aligned(4), may_alias));

BRAINFCN_INLINE Vector Load(const float* from) {
  return *reinterpret_cast<const UnalignedVector*>(from);
}
BRAINFCN_INLINE void Store(float* to, Vector value) {
  *reinterpret_cast<UnalignedVector*>(to) = value;
}
BRAINFCN_INLINE Vector Broadcast(float value) { return value - Vector{}; }

// The first `lanes` of a vector, all of them where there are more; the others are 0.
BRAINFCN_INLINE Vector LoadFirst(const float* from, int64_t lanes) {
  if (lanes >= kLanes) return Load(from);
  float buffer[kLanes] = {};
  if (lanes > 0) std::memcpy(buffer, from, sizeof(float) * lanes);
  return Load(buffer);
}
BRAINFCN_INLINE void StoreFirst(float* to, Vector value, int64_t lanes) {
  if (lanes >= kLanes) return Store(to, value);
  float buffer[kLanes];
  Store(buffer, value);
  if (lanes > 0) std::memcpy(to, buffer, sizeof(float) * lanes);
}

// The larger of each value and 0; NaN stays NaN.
BRAINFCN_INLINE Vector Positive(Vector value) {
  Vector zero{};
  return zero > value ? zero : value;
}
// The larger of two, NaN where either is.
BRAINFCN_INLINE Vector Larger(Vector a, Vector b) { return ((a > b) | (a != a)) ? a : b; }

template <typename T>
BRAINFCN_INLINE constexpr T Smaller(T a, T b) {
  return a < b ? a : b;
}

}  // namespace BRAINFCN_VARIANT
}  // namespace brainfcn
