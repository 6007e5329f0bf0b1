// The kernels for AArch64, whose every processor has NEON.
#if defined(__aarch64__)
#define BRAINFCN_VARIANT neon
#define BRAINFCN_NAME "neon"
#define BRAINFCN_LANES 4

#include "variant.h"

namespace brainfcn {
extern const Variant kNeon;
const Variant kNeon = neon::kFunctions;
}  // namespace brainfcn
#endif
