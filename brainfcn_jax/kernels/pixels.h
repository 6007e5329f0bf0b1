// Reads vectors of channels of a channels-last image.
#pragma once

#include "vectors.h"

namespace brainfcn {
namespace BRAINFCN_VARIANT {

// One image; what its gate (null for none) does not hold above 0 counts as 0, and so does what lies
// outside.
struct Pixels {
  const float *values, *gate;
  int64_t height, width, channels;

  bool Contains(int64_t y, int64_t x, int64_t side) const {
    return y >= 0 && x >= 0 && y + side <= height && x + side <= width;
  }

  // The channels from `channel` on. `kInside` says that the pixel lies in the image and has as many
  // channels as a vector lanes.
  template <bool kInside>
  BRAINFCN_INLINE Vector Read(int64_t y, int64_t x, int64_t channel) const {
    if (!kInside && !Contains(y, x, 1)) return Vector{};
    int64_t offset = (y * width + x) * channels + channel;
    int64_t lanes = kInside ? kLanes : channels - channel;
    Vector value = LoadFirst(values + offset, lanes);
    if (gate == nullptr) return value;
    Vector zero{};
    return LoadFirst(gate + offset, lanes) > zero ? value : zero;
  }
};

}  // namespace BRAINFCN_VARIANT
}  // namespace brainfcn
