// Chooses the code for the processor that this runs on.
#include <cstring>

#include "convolve.h"

namespace brainfcn {

extern const Variant kAvx512, kAvx2, kNeon;

const Variant* FindVariant(const char* limit) {
  const bool unlimited = limit == nullptr || *limit == '\0';
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool up_to_avx512 = unlimited || std::strcmp(limit, "avx512") == 0;
  const bool up_to_avx2 = up_to_avx512 || std::strcmp(limit, "avx2") == 0;
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (up_to_avx512 && has_avx512 && has_avx2) return &kAvx512;
  if (up_to_avx2 && has_avx2) return &kAvx2;
  return nullptr;
#elif defined(__aarch64__)
  return unlimited || std::strcmp(limit, "neon") == 0 ? &kNeon : nullptr;
#else
  return nullptr;
#endif
}

}  // namespace brainfcn
