// Kernels laid out for the products: transformed for Winograd's, as they are for direct ones.
#pragma once

#include "layer.h"
#include "winograd.h"

namespace brainfcn {
namespace BRAINFCN_VARIANT {

// The weights of one tap from one input channel to a vector of output channels; 0 past the last.
BRAINFCN_INLINE Vector LoadWeights(const Kernel& kernel, int64_t tap, int64_t input,
                                   int64_t output) {
  const int64_t lanes = kernel.outputs() - output;
  if (!kernel.transposed)
    return LoadFirst(kernel.weights + (tap * kernel.cin + input) * kernel.cout + output, lanes);
  const float* turned =
      kernel.weights + ((kTaps - 1 - tap) * kernel.cin + output) * kernel.cout + input;
  float values[kLanes] = {};
  for (int64_t i = 0; i < Smaller<int64_t>(lanes, kLanes); ++i) values[i] = turned[i * kernel.cout];
  return Load(values);
}

// One panel, to [point][panel][input channel][column].
inline void PackPanel(const Kernel& kernel, Panels panels, int64_t panel, float* packed) {
  const int64_t inputs = kernel.inputs();
  const int64_t point_stride = panels.count * inputs * panels.width;
  float* to = packed + panel * inputs * panels.width;
  for (int64_t input = 0; input < inputs; ++input) {
    for (int64_t column = 0; column < panels.width; column += kLanes, to += kLanes) {
      Vector columns[kPatch][kFilter];
      for (int c = 0; c < kFilter; ++c) {
        Vector taps[kFilter], transformed[kPatch];
        for (int r = 0; r < kFilter; ++r)
          taps[r] = LoadWeights(kernel, r * kFilter + c, input, panel * panels.width + column);
        TransformTaps(taps, transformed);
        for (int r = 0; r < kPatch; ++r) columns[r][c] = transformed[r];
      }
      for (int r = 0; r < kPatch; ++r) {
        Vector transformed[kPatch];
        TransformTaps(columns[r], transformed);
        for (int c = 0; c < kPatch; ++c)
          Store(to + (r * kPatch + c) * point_stride, transformed[c]);
      }
    }
  }
}

// One panel, to [panel][tap][input channel][column].
inline void PackDirectPanel(const Kernel& kernel, Panels panels, int64_t panel, float* packed) {
  float* to = packed + panel * kTaps * kernel.inputs() * panels.width;
  for (int64_t tap = 0; tap < kTaps; ++tap)
    for (int64_t input = 0; input < kernel.inputs(); ++input)
      for (int64_t column = 0; column < panels.width; column += kLanes, to += kLanes)
        Store(to, LoadWeights(kernel, tap, input, panel * panels.width + column));
}

}  // namespace BRAINFCN_VARIANT
}  // namespace brainfcn
