// What the tasks of one gradient by a 3x3 kernel share; the same for every variant.
#pragma once

#include <cstdint>

namespace brainfcn {

inline int64_t CeilDivide(int64_t a, int64_t b) { return (a + b - 1) / b; }

struct GradientWork {
  // Channels-last: images and gradients of the same height and width. The gradient counts where the
  // gate (of its shape, null for none) is above 0.
  const float *images, *gradient, *gate;
  int64_t count, height, width, channels_in, channels_out;
  int64_t vectors_in, vectors_out;  // that hold all channels

  float *sums, *bias_sums;     // over what has been multiplied
  float *by_kernel, *by_bias;  // results: (3, 3, channels_in, channels_out), (channels_out,)

  // Where tiles are transformed block by block:
  int64_t first, depth;   // first tile of this block, and how many
  int64_t stride;         // floats from one vector of a panel to the next
  float *rows, *columns;  // panels of this block: images, gradient
};

}  // namespace brainfcn
