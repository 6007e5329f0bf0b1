// The kernels for x86-64 processors with AVX-512. Chosen at run time (variants.cc).
#if defined(__x86_64__)
#include <cstdint>
#include <cstring>

#include "layer.h"

#define BRAINFCN_VARIANT avx512
#define BRAINFCN_NAME "avx512"
#define BRAINFCN_LANES 16

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,fma"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512vl,fma")
#endif

#include "variant.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif

namespace brainfcn {
extern const Variant kAvx512;
const Variant kAvx512 = avx512::kFunctions;
}  // namespace brainfcn
#endif
