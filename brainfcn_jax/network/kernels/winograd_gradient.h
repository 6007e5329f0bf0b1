// The gradient of a 3x3 convolution by its kernel, through Winograd's F(6x6, 3x3):
//   by_kernel = G^T [(B^T d B) * (A g A^T)] G
// of an 8x8 patch d of the images and the 6x6 tile g of the gradient over its middle, summed over
// all tiles: the adjoint of the transforms that the convolution itself uses, and as few products.
//
// For each of the 64 points the sum over a block's tiles is a product of (channels in x tiles) with
// (tiles x channels out). Points are numbered column by column; a task takes one column of them, so
// that G^T along the column leaves 3 of its 8 matrices to be kept.
#pragma once

#include "outer_products.h"
#include "pixels.h"
#include "tile_transforms.h"
#include "winograd.h"

namespace brainfcn {
namespace BRAINFCN_VARIANT {

constexpr int64_t kBlockVectors = kBlockChannels / kLanes;

// Transforms kSide x kSide pixels of one vector of channels, and writes their points
// `point_stride` floats apart.
template <int kSide, bool kInside, typename Transform>
inline void PackPatch(const Images& image, int64_t y, int64_t x, int64_t channel,
                      const Transform& transform, float* out, int64_t point_stride) {
  Vector half[kPatch][kSide];
  for (int column = 0; column < kSide; ++column) {
    Vector pixels[kSide], transformed[kPatch];
#pragma GCC unroll 8
    for (int row = 0; row < kSide; ++row)
      pixels[row] = ReadPixel<kInside>(image, y + row, x + column, channel);
    transform(pixels, transformed);
#pragma GCC unroll 8
    for (int row = 0; row < kPatch; ++row) half[row][column] = transformed[row];
  }
  for (int row = 0; row < kPatch; ++row) {
    Vector transformed[kPatch];
    transform(half[row], transformed);
#pragma GCC unroll 8
    for (int column = 0; column < kPatch; ++column)
      Store(out + (column * kPatch + row) * point_stride, transformed[column]);
  }
}

// Transforms the pixels from `margin` above and left of each tile on. Tiles of one vector of
// channels follow each other, so that whole lines of memory are written.
template <int kSide, typename Transform>
inline void PackTiles(const GradientWork& work, int64_t task, const Images& images, int64_t margin,
                      float* packed, const Transform& transform) {
  const int64_t begin = task * kTilesATask, end = Smaller(begin + kTilesATask, work.depth);
  const int64_t vectors = (images.channels + kLanes - 1) / kLanes;
  for (int64_t vector = 0; vector < vectors; ++vector) {
    for (int64_t tile = begin; tile < end; ++tile) {
      const TilePlace place(work.first + tile, images.height, images.width);
      const Images image = images.At(place.image);
      const int64_t y = place.y - margin, x = place.x - margin, channel = vector * kLanes;
      const bool inside = Contains(image, y, x, kSide) && channel + kLanes <= image.channels;
      const auto pack =
          inside ? PackPatch<kSide, true, Transform> : PackPatch<kSide, false, Transform>;
      pack(image, y, x, channel, transform, packed + vector * work.stride + tile * kLanes,
           vectors * work.stride);
    }
  }
}

inline void PackGradientTiles(const GradientWork& work, int64_t task) {
  PackTiles<kPatch>(work, task, work.images, 1, work.rows,
                    [](const Vector* d, Vector* v) { TransformPixels(d, v); });
  PackTiles<kResults>(work, task, work.gradient, 0, work.columns,
                      [](const Vector* y, Vector* m) { TransformGradient(y, m); });
}

// Which channels and points one task multiplies.
struct TileProduct {
  int64_t first_row, rows;       // vectors of channels of the images
  int64_t first_column, column;  // ... and of the gradient: the first, and the one past the last
  int64_t point_column;

  TileProduct(const GradientWork& work, int64_t task) {
    first_column = task % work.ColumnBlocks() * kBlockVectors;
    column = Smaller(first_column + kBlockVectors, work.VectorsOut());
    task /= work.ColumnBlocks();
    first_row = task % work.RowBlocks() * kBlockVectors;
    rows = Smaller(kBlockVectors, work.VectorsIn() - first_row);
    point_column = task / work.RowBlocks();
  }
};

// Adds a vector to the sum over blocks, of which the first one begins it.
BRAINFCN_INLINE void AddToSum(const GradientWork& work, float* sum, Vector value) {
  Store(sum, work.first == 0 ? value : Load(sum) + value);
}

// Products of one column of points, [point][row][vector of columns], to the sums of its 3 taps.
inline void AddTaps(const GradientWork& work, const TileProduct& product, const float* products,
                    int64_t first_vector, int64_t vectors) {
  const int64_t rows = product.rows * kLanes, point_stride = rows * vectors * kLanes;
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t sum_row = (product.point_column * kFilter * work.VectorsIn() +
                             product.first_row) * kLanes + row;
    for (int64_t vector = 0; vector < vectors; ++vector) {
      const float* from = products + (row * vectors + vector) * kLanes;
      Vector points[kPatch], taps[kFilter];
#pragma GCC unroll 8
      for (int point = 0; point < kPatch; ++point) points[point] = Load(from + point * point_stride);
      TransformSums(points, taps);
      for (int tap = 0; tap < kFilter; ++tap) {
        const int64_t tap_row = sum_row + tap * work.VectorsIn() * kLanes;
        AddToSum(work, work.sums + tap_row * work.Width() + (first_vector + vector) * kLanes,
                 taps[tap]);
      }
    }
  }
}

inline void MultiplyGradientTiles(const GradientWork& work, int64_t task) {
  const TileProduct product(work, task);
  alignas(64) float products[kPatch * kBlockChannels * kMostVectors * kLanes];
  int64_t taken;
  for (int64_t vector = product.first_column; vector < product.column; vector += taken) {
    taken = NextVectors(product.column - vector);
    for (int64_t row = 0; row < kPatch; ++row) {
      const int64_t point = product.point_column * kPatch + row;
      const int64_t first_row = point * work.VectorsIn() + product.first_row;
      const Panel rows{work.rows + first_row * work.stride, kLanes, work.stride};
      const Panel columns{work.columns + (point * work.VectorsOut() + vector) * work.stride, kLanes,
                          work.stride};
      SumProducts(rows, product.rows, columns, taken, work.depth,
                  products + row * product.rows * kLanes * taken * kLanes);
      // At point (1, 1) a tile's transformed gradient is the sum of its pixels.
      if (point != kPatch + 1 || product.first_row != 0) continue;
      float* bias = work.sums + work.TileRows() * work.Width() + vector * kLanes;
      for (int64_t i = 0; i < taken; ++i)
        AddToSum(work, bias + i * kLanes, SumSteps(columns, i, work.depth));
    }
    AddTaps(work, product, products, vector, taken);
  }
}

// The three taps of one row of the kernel, of one vector of columns.
inline void FinishTaps(const GradientWork& work, int64_t row, int64_t tap_row, int64_t channel) {
  const int64_t channels_in = work.images.channels, channels_out = work.gradient.channels;
  Vector points[kPatch], taps[kFilter];
  for (int64_t point = 0; point < kPatch; ++point) {
    const int64_t sum_row = (point * kFilter + tap_row) * work.VectorsIn() * kLanes + row;
    points[point] = Load(work.sums + sum_row * work.Width() + channel);
  }
  TransformSums(points, taps);
  for (int64_t tap = 0; tap < kFilter; ++tap) {
    const int64_t to = ((tap_row * kFilter + tap) * channels_in + row) * channels_out + channel;
    StoreFirst(work.by_kernel + to, taps[tap], channels_out - channel);
  }
}

// One vector of input channels.
inline void FinishGradientTiles(const GradientWork& work, int64_t task) {
  const int64_t end = Smaller((task + 1) * kLanes, work.images.channels);
  for (int64_t row = task * kLanes; row < end; ++row)
    for (int64_t tap_row = 0; tap_row < kFilter; ++tap_row)
      for (int64_t channel = 0; channel < work.gradient.channels; channel += kLanes)
        FinishTaps(work, row, tap_row, channel);
  if (task == 0)
    std::memcpy(work.by_bias, work.sums + work.TileRows() * work.Width(),
                sizeof(float) * work.gradient.channels);
}

}  // namespace BRAINFCN_VARIANT
}  // namespace brainfcn
