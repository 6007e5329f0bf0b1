// Convolutions by the code of one variant, shared out over threads.
#pragma once

#include <cstdint>
#include <functional>

#include "layer.h"

namespace brainfcn {

// Threads that run body(0) ... body(tasks - 1) and return when all have ended.
struct Threads {
  int64_t count;
  std::function<void(int64_t tasks, const std::function<void(int64_t)>& body)> run;
};

// The code for this processor, no wider than `limit` ("avx2" or "avx512"; null or empty: no limit).
// Null where there is none, or no such limit.
const Variant* FindVariant(const char* limit);

// The kernel as Convolve reads it: variant.packed_size() floats.
void Pack(const Threads& threads, const Variant& variant, const Kernel& kernel, float* packed);

// Writes the results of `count` images. The same numbers come out with any number of threads.
void Convolve(const Threads& threads, const Variant& variant, int64_t count, const Images& images,
              const float* packed, const Results& results);

}  // namespace brainfcn
