// Winograd's two-dimensional transforms: of images to factors, and of products to results.
#pragma once

#include "layer.h"
#include "winograd.h"

namespace brainfcn {
namespace BRAINFCN_VARIANT {

// Where a tile's results begin. Tiles are counted by image, row and column.
struct TilePlace {
  int64_t image, y, x;
  TilePlace(int64_t tile, int64_t height, int64_t width) {
    const int64_t rows = (height + kTile - 1) / kTile, columns = (width + kTile - 1) / kTile;
    image = tile / (rows * columns);
    y = tile / columns % rows * kTile;
    x = tile % columns * kTile;
  }
};

// A patch of 8x8 pixels, and of their gates where there are any.
struct Patch {
  const float* pixels;
  const float* gate;
  int64_t row_stride, pixel_stride;
};

template <bool kGated>
BRAINFCN_INLINE Vector LoadPixels(const Patch& patch, int64_t offset) {
  const Vector value = Load(patch.pixels + offset);
  if constexpr (kGated) {
    const Vector zero{};
    return Load(patch.gate + offset) > zero ? value : zero;
  }
  return value;
}

// Whole vectors of up to kGroup channels of one patch, to the points of one tile.
template <bool kGated>
void TransformPatch(const Patch& patch, int64_t channels, float* points, int64_t point_stride) {
  for (int64_t channel = 0; channel < channels; channel += kLanes) {
    Vector columns[kPatch][kPatch];
    for (int c = 0; c < kPatch; ++c) {
      Vector pixels[kPatch], transformed[kPatch];
#pragma GCC unroll 8
      for (int r = 0; r < kPatch; ++r)
        pixels[r] = LoadPixels<kGated>(
            patch, r * patch.row_stride + c * patch.pixel_stride + channel);
      TransformPixels(pixels, transformed);
#pragma GCC unroll 8
      for (int r = 0; r < kPatch; ++r) columns[r][c] = transformed[r];
    }
    for (int r = 0; r < kPatch; ++r) {
      Vector transformed[kPatch];
      TransformPixels(columns[r], transformed);
      float* to = points + r * kPatch * point_stride + channel;
#pragma GCC unroll 8
      for (int c = 0; c < kPatch; ++c) Store(to + c * point_stride, transformed[c]);
    }
  }
}

// Copies the pixels of a patch that lie in the image, gated, into 8x8 pixels of kGroup channels.
inline void CopyPatch(const Images& images, const TilePlace& place, int64_t first_channel,
                      int64_t channels, float* copy) {
  for (int64_t pixel = 0; pixel < kPoints; ++pixel) {
    const int64_t y = place.y - 1 + pixel / kPatch, x = place.x - 1 + pixel % kPatch;
    float* to = copy + pixel * kGroup;
    const bool inside = y >= 0 && y < images.height && x >= 0 && x < images.width;
    const int64_t copied = inside ? channels : 0;
    const int64_t offset =
        ((place.image * images.height + y) * images.width + x) * images.channels + first_channel;
    if (images.gate == nullptr) {
      if (copied) std::memcpy(to, images.pixels + offset, sizeof(float) * copied);
    } else {
      for (int64_t i = 0; i < copied; ++i)
        to[i] = images.gate[offset + i] > 0 ? images.pixels[offset + i] : 0;
    }
    std::memset(to + copied, 0, sizeof(float) * (kGroup - copied));
  }
}

inline void TransformImages(const Images& images, int64_t first, int64_t last, Block transformed) {
  alignas(64) float copy[kPoints * kGroup];
  const int64_t row_stride = images.width * images.channels;
  for (int64_t tile = first; tile < last; ++tile) {
    const TilePlace place(tile, images.height, images.width);
    const bool inside = place.y > 0 && place.x > 0 && place.y - 1 + kPatch <= images.height &&
                        place.x - 1 + kPatch <= images.width;
    const int64_t corner =
        ((place.image * images.height + place.y - 1) * images.width + place.x - 1) *
        images.channels;
    for (int64_t channel = 0; channel < images.channels; channel += kGroup) {
      const int64_t channels = Smaller(kGroup, images.channels - channel);
      float* points = transformed.values + channel / kGroup * transformed.group_stride +
                      (tile - first) * kGroup;
      if (inside && channels % kLanes == 0) {
        const int64_t at = corner + channel;
        const bool gated = images.gate != nullptr;
        const Patch patch{images.pixels + at, gated ? images.gate + at : nullptr, row_stride,
                          images.channels};
        auto transform = gated ? TransformPatch<true> : TransformPatch<false>;
        transform(patch, channels, points, transformed.point_stride);
      } else {
        CopyPatch(images, place, channel, channels, copy);
        const Patch patch{copy, nullptr, kPatch * kGroup, kGroup};
        TransformPatch<false>(patch, channels, points, transformed.point_stride);
      }
    }
  }
}

// One vector of channels of a tile's results.
struct TileWriter {
  const Results& results;
  TilePlace place;
  int64_t channel;
  int64_t lanes() const { return results.channels - channel; }

  BRAINFCN_INLINE void WriteRow(int64_t row, const Vector* values) const {
    const int64_t y = place.y + row;
    if (y >= results.height) return;
    const int64_t count = Smaller(kTile, results.width - place.x);
    float* to = results.pixels +
                ((place.image * results.height + y) * results.width + place.x) * results.channels +
                channel;
    if (count == kTile && lanes() >= kLanes) {
#pragma GCC unroll 8
      for (int64_t i = 0; i < kTile; ++i) Store(to + i * results.channels, values[i]);
    } else {
      for (int64_t i = 0; i < count; ++i)
        StoreFirst(to + i * results.channels, values[i], lanes());
    }
  }
  BRAINFCN_INLINE void WritePooled(int64_t row, const Vector* upper, const Vector* lower) const {
    const int64_t y = (place.y + row) / 2, height = results.height / 2, width = results.width / 2;
    if (y >= height) return;
    float* to = results.pooled +
                ((place.image * height + y) * width + place.x / 2) * results.channels + channel;
    for (int64_t i = 0; i < Smaller(kTile / 2, width - place.x / 2); ++i) {
      const Vector above = Larger(upper[2 * i], upper[2 * i + 1]);
      const Vector below = Larger(lower[2 * i], lower[2 * i + 1]);
      StoreFirst(to + i * results.channels, Larger(above, below), lanes());
    }
  }
};

// A tile's products of one vector of channels, to results.
inline void FinishVector(const TileWriter& writer, const float* products, int64_t point_stride) {
  const Results& results = writer.results;
  Vector columns[kResults][kPatch];
  for (int c = 0; c < kPatch; ++c) {
    Vector terms[kPatch], sums[kResults];
#pragma GCC unroll 8
    for (int r = 0; r < kPatch; ++r) terms[r] = Load(products + (r * kPatch + c) * point_stride);
    TransformProducts(terms, sums);
#pragma GCC unroll 8
    for (int r = 0; r < kResults; ++r) columns[r][c] = sums[r];
  }
  const Vector bias =
      results.bias ? LoadFirst(results.bias + writer.channel, writer.lanes()) : Vector{};
  Vector values[2][kResults];
  for (int r = 0; r < kResults; ++r) {
    Vector* row = values[r % 2];
    TransformProducts(columns[r], row);
#pragma GCC unroll 8
    for (int c = 0; c < kResults; ++c) {
      row[c] += bias;
      if (results.relu) row[c] = Positive(row[c]);
    }
    writer.WriteRow(r, row);
    if (results.pooled != nullptr && r % 2 == 1) writer.WritePooled(r, values[0], values[1]);
  }
}

inline void FinishTiles(const Results& results, int64_t first, int64_t last, Panels panels,
                        Block products) {
  for (int64_t tile = first; tile < last; ++tile) {
    const TilePlace place(tile, results.height, results.width);
    for (int64_t channel = 0; channel < results.channels; channel += kLanes) {
      const float* from = products.values + channel / panels.width * products.group_stride +
                          (tile - first) * panels.width + channel % panels.width;
      FinishVector({results, place, channel}, from, products.point_stride);
    }
  }
}

}  // namespace BRAINFCN_VARIANT
}  // namespace brainfcn
