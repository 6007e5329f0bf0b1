// Kernels laid out for the products: transformed for Winograd's, as they are for direct ones.
#pragma once

#include "layer.h"
#include "product.h"
#include "winograd.h"

namespace brainfcn {
namespace BRAINFCN_VARIANT {

constexpr int64_t kStaged = 128;  // floats of a point that are written at once
static_assert(kWideVectors * kLanes <= kStaged, "at least one row of a panel is written at once");

// The weights of one tap from some input channels to the columns of a panel.
struct Weights {
  int64_t first_input, inputs;
  int64_t first_output, width;

  // Rows of `width` columns, 0 past the last output channel. Memory is read in the order it has.
  void Read(const Kernel& kernel, int64_t tap, float* to) const {
    const int64_t columns = Smaller(width, kernel.outputs() - first_output);
    std::memset(to, 0, sizeof(float) * inputs * width);
    if (kernel.transposed) {
      const float* turned =
          kernel.weights +
          ((kTaps - 1 - tap) * kernel.cin + first_output) * kernel.cout + first_input;
      for (int64_t column = 0; column < columns; ++column)
        for (int64_t input = 0; input < inputs; ++input)
          to[input * width + column] = turned[column * kernel.cout + input];
    } else {
      const float* rows =
          kernel.weights + (tap * kernel.cin + first_input) * kernel.cout + first_output;
      for (int64_t input = 0; input < inputs; ++input)
        std::memcpy(to + input * width, rows + input * kernel.cout, sizeof(float) * columns);
    }
  }
};

// Transforms `size` kernels that lie side by side, kStaged from one tap or point to the next.
inline void TransformKernels(const float* weights, int64_t size, float* points) {
  for (int64_t at = 0; at < size; at += kLanes) {
    Vector columns[kPatch][kFilter];
    for (int c = 0; c < kFilter; ++c) {
      Vector taps[kFilter], transformed[kPatch];
      for (int r = 0; r < kFilter; ++r) taps[r] = Load(weights + (r * kFilter + c) * kStaged + at);
      TransformTaps(taps, transformed);
      for (int r = 0; r < kPatch; ++r) columns[r][c] = transformed[r];
    }
    for (int r = 0; r < kPatch; ++r) {
      Vector transformed[kPatch];
      TransformTaps(columns[r], transformed);
      float* row = points + r * kPatch * kStaged + at;
      for (int c = 0; c < kPatch; ++c) Store(row + c * kStaged, transformed[c]);
    }
  }
}

// One panel, to [point][panel][input channel][column]. Points lie a power of two apart, often, and
// so in one set of the cache: each is written as whole lines, once.
inline void PackPanel(const Kernel& kernel, Panels panels, int64_t panel, float* packed) {
  alignas(64) float weights[kTaps * kStaged], points[kPoints * kStaged];
  const int64_t inputs = kernel.inputs(), point_stride = panels.count * inputs * panels.width;
  float* to = packed + panel * inputs * panels.width;
  const int64_t staged = kStaged / panels.width;  // input channels
  for (int64_t input = 0; input < inputs; input += staged) {
    const Weights some{input, Smaller(staged, inputs - input), panel * panels.width, panels.width};
    const int64_t size = some.inputs * some.width;
    for (int64_t tap = 0; tap < kTaps; ++tap) some.Read(kernel, tap, weights + tap * kStaged);
    TransformKernels(weights, size, points);
    for (int64_t point = 0; point < kPoints; ++point)
      std::memcpy(to + point * point_stride + input * panels.width, points + point * kStaged,
                  sizeof(float) * size);
  }
}

// One panel, to [panel][tap][input channel][column].
inline void PackDirectPanel(const Kernel& kernel, Panels panels, int64_t panel, float* packed) {
  const int64_t size = kernel.inputs() * panels.width;
  const Weights all{0, kernel.inputs(), panel * panels.width, panels.width};
  for (int64_t tap = 0; tap < kTaps; ++tap)
    all.Read(kernel, tap, packed + (panel * kTaps + tap) * size);
}

}  // namespace BRAINFCN_VARIANT
}  // namespace brainfcn
