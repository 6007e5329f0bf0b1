// The gradient of a convolution by its kernel and bias, shared out over threads.
#pragma once

#include "convolve.h"

namespace brainfcn {

// Of `count` images and the gradient of their results, of the same height and width. The same
// numbers come out with any number of threads.
void KernelGradient(const Threads& threads, const Variant& variant, int64_t count,
                    const Images& images, const Images& gradient, float* by_kernel,
                    float* by_bias);

}  // namespace brainfcn
