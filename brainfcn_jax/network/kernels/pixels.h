// Reads a vector of channels of an image.
#pragma once

#include "layer.h"
#include "vectors.h"

namespace brainfcn {
namespace BRAINFCN_VARIANT {

// Whether a square of `side` pixels lies in the image.
inline bool Contains(const Images& image, int64_t y, int64_t x, int64_t side) {
  return y >= 0 && x >= 0 && y + side <= image.height && x + side <= image.width;
}

// The channels from `channel` on, gated; 0 outside the image. `kInside` says that the pixel lies in
// it and has as many more channels as a vector has lanes.
template <bool kInside>
BRAINFCN_INLINE Vector ReadPixel(const Images& image, int64_t y, int64_t x, int64_t channel) {
  if (!kInside && !Contains(image, y, x, 1)) return Vector{};
  const int64_t offset = (y * image.width + x) * image.channels + channel;
  const int64_t lanes = kInside ? kLanes : image.channels - channel;
  const Vector value = LoadFirst(image.pixels + offset, lanes);
  if (image.gate == nullptr) return value;
  const Vector zero{};
  return LoadFirst(image.gate + offset, lanes) > zero ? value : zero;
}

}  // namespace BRAINFCN_VARIANT
}  // namespace brainfcn
