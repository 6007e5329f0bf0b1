// Division of whole numbers that rounds up.
#pragma once

#include <cstdint>

namespace brainfcn {

inline int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

}  // namespace brainfcn
