// The kernels for x86-64 processors with AVX2 and FMA. Chosen at run time (variants.cc).
#if defined(__x86_64__)
#include <cstdint>
#include <cstring>

#include "layer.h"

#define BRAINFCN_VARIANT avx2
#define BRAINFCN_NAME "avx2"
#define BRAINFCN_LANES 8

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC target("avx2,fma")
#endif

#include "variant.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif

namespace brainfcn {
extern const Variant kAvx2;
const Variant kAvx2 = avx2::kFunctions;
}  // namespace brainfcn
#endif
