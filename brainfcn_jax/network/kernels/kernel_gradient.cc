#include "kernel_gradient.h"

#include <algorithm>

#include "ceil_div.h"
#include "scratch.h"

namespace brainfcn {
namespace {

constexpr int64_t kMostTiles = 256;  // of a block: with fewer, adding up blocks takes longer

// By the products of every pixel's patch.
void MultiplyPatches(const Threads& threads, const GradientFunctions& functions,
                     GradientWork& work) {
  const Scratch sums(sizeof(float) * kThinShares * work.ThinSums());
  work.sums = sums.as<float>();
  threads.run(kThinShares, [&](int64_t share) { functions.multiply_thin(work, share); });
  for (int64_t row = 0; row <= kTaps * work.images.channels; ++row) functions.finish_thin(work, row);
}

// By the products of transformed tiles, block by block.
void MultiplyTiles(const Threads& threads, const GradientFunctions& functions, GradientWork& work) {
  const int64_t tiles = work.count * CeilDiv(work.images.height, kTile) *
                        CeilDiv(work.images.width, kTile);
  const int64_t vectors = work.VectorsIn() + work.VectorsOut();
  const int64_t size = CeilDiv(tiles, CeilDiv(tiles, kMostTiles));
  work.stride = (size | 1) * work.lanes;  // points must not fall into one set of the cache
  const Scratch packed(sizeof(float) * kTilePoints * vectors * work.stride);
  const Scratch sums(sizeof(float) * (work.TileRows() + 1) * work.Width());
  work.rows = packed.as<float>();
  work.columns = work.rows + kTilePoints * work.VectorsIn() * work.stride;
  work.sums = sums.as<float>();
  for (work.first = 0; work.first < tiles; work.first += size) {
    work.depth = std::min(size, tiles - work.first);
    threads.run(CeilDiv(work.depth, kTilesATask),
                [&](int64_t task) { functions.pack_tiles(work, task); });
    threads.run(8 * work.RowBlocks() * work.ColumnBlocks(),
                [&](int64_t task) { functions.multiply_tiles(work, task); });
  }
  threads.run(work.VectorsIn(), [&](int64_t task) { functions.finish_tiles(work, task); });
}

}  // namespace

void KernelGradient(const Threads& threads, const Variant& variant, int64_t count,
                    const Images& images, const Images& gradient, float* by_kernel,
                    float* by_bias) {
  const int64_t size = kTaps * images.channels * gradient.channels;
  if (count * images.height * images.width == 0) {
    std::fill(by_kernel, by_kernel + size, 0.0f);
    std::fill(by_bias, by_bias + gradient.channels, 0.0f);
  } else if (size != 0) {
    GradientWork work{};
    work.images = images;
    work.gradient = gradient;
    work.count = count;
    work.lanes = variant.lanes;
    work.by_kernel = by_kernel;
    work.by_bias = by_bias;
    const bool few = images.channels < kFewestChannels;
    (few ? MultiplyPatches : MultiplyTiles)(threads, variant.gradient, work);
  }
}

}  // namespace brainfcn
