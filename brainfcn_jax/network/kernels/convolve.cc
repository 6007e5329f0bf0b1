// Shares out convolutions over threads: who transforms, multiplies and finishes which tiles.
#include "convolve.h"

#include <unistd.h>

#include <algorithm>

#include "ceil_div.h"
#include "scratch.h"

namespace brainfcn {
namespace {

// A packed kernel of at most this size is read anew for every few tiles; a larger one once for many
// tiles, which all threads work on together.
constexpr int64_t kSmallKernelBytes = 5 << 20;
constexpr int64_t kSharedBlockBytes = 48 << 20;  // transformed pixels and products of shared tiles
constexpr int64_t kUsualCacheBytes = 512 << 10;
constexpr int64_t kRun = 6;  // tiles of one product in registers, for most panels
constexpr int64_t kDirectRows = 8;
constexpr int64_t kPadding = 16;  // floats that keep points from falling into one set of the cache

int64_t SecondLevelCacheBytes() {
#if defined(_SC_LEVEL2_CACHE_SIZE)
  const int64_t bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
  if (bytes > 0) return std::clamp<int64_t>(bytes, kUsualCacheBytes / 2, 4 * kUsualCacheBytes);
#endif
  return kUsualCacheBytes;
}

// A convolution by tiles, and the memory of a block of them.
struct Tiled {
  const Variant& variant;
  const Images& images;
  const Results& results;
  const float* packed;
  Panels panels;
  int64_t tiles, groups;

  Tiled(const Variant& variant, int64_t count, const Images& images, const float* packed,
        const Results& results)
      : variant(variant),
        images(images),
        results(results),
        packed(packed),
        panels(variant.panels(results.channels)),
        tiles(count * CeilDiv(images.height, kTile) * CeilDiv(images.width, kTile)),
        groups(CeilDiv(images.channels, kGroup)) {}

  int64_t KernelBytes() const {
    return sizeof(float) * kTilePoints * images.channels * panels.count * panels.width;
  }
  int64_t TileBytes() const {
    return sizeof(float) * kTilePoints * (groups * kGroup + panels.count * panels.width);
  }
  Block Transformed(int64_t most, float* values) const {
    return {values, groups * most * kGroup + kPadding, most * kGroup};
  }
  Block Products(int64_t most, float* values) const {
    return {values, panels.count * most * panels.width + kPadding, most * panels.width};
  }
  void Multiply(Block transformed, int64_t count, int64_t point, int64_t first, int64_t last,
                Block products) const {
    const int64_t kernel_size = panels.count * images.channels * panels.width;
    variant.multiply(transformed.values + point * transformed.point_stride,
                     transformed.group_stride, images.channels, count,
                     packed + point * kernel_size, panels, first, last,
                     products.values + point * products.point_stride, products.group_stride);
  }
};

// Memory of a block of tiles between its three steps.
struct BlockMemory {
  Block transformed, products;
  Scratch transformed_memory, products_memory;
  BlockMemory(const Tiled& tiled, int64_t most)
      : transformed(tiled.Transformed(most, nullptr)),
        products(tiled.Products(most, nullptr)),
        transformed_memory(sizeof(float) * kTilePoints * transformed.point_stride),
        products_memory(sizeof(float) * kTilePoints * products.point_stride) {
    transformed.values = transformed_memory.as<float>();
    products.values = products_memory.as<float>();
  }
};

// Every task takes a few tiles, which stay in the cache, through all steps.
void ConvolveAlone(const Threads& threads, const Tiled& tiled) {
  const int64_t fitting = SecondLevelCacheBytes() / tiled.TileBytes() / kRun * kRun;
  const int64_t most = std::min(std::clamp(fitting, 3 * kRun, 4 * kRun), tiled.tiles);
  const int64_t blocks = CeilDiv(tiled.tiles, most);
  threads.run(blocks, [&](int64_t block) {
    const int64_t first = tiled.tiles * block / blocks, last = tiled.tiles * (block + 1) / blocks;
    const BlockMemory memory(tiled, most);
    tiled.variant.transform(tiled.images, first, last, memory.transformed);
    for (int64_t point = 0; point < kTilePoints; ++point)
      tiled.Multiply(memory.transformed, last - first, point, 0, tiled.panels.count,
                     memory.products);
    tiled.variant.finish(tiled.results, first, last, tiled.panels, memory.products);
  });
}

// Runs body(first, last) on runs of the numbers below `count`.
template <typename Body>
void RunInParts(const Threads& threads, int64_t count, int64_t parts, const Body& body) {
  parts = std::min(count, parts);
  threads.run(parts, [&](int64_t part) {
    body(count * part / parts, count * (part + 1) / parts);
  });
}

// All threads take a block of many tiles through one step after the other; the products are shared
// out by points, so that the packed kernel is read once for the whole block.
void ConvolveTogether(const Threads& threads, const Tiled& tiled) {
  const int64_t fitting = std::max<int64_t>(kSharedBlockBytes / tiled.TileBytes(), 48);
  const int64_t blocks = CeilDiv(tiled.tiles, fitting);
  const BlockMemory memory(tiled, CeilDiv(tiled.tiles, blocks));
  const int64_t shares = std::min(CeilDiv(4 * threads.count, kTilePoints), tiled.panels.count);
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t first = tiled.tiles * block / blocks, last = tiled.tiles * (block + 1) / blocks;
    const int64_t count = last - first;
    auto part_of = [](Block block, int64_t width, int64_t tile) {
      return Block{block.values + tile * width, block.point_stride, block.group_stride};
    };
    RunInParts(threads, count, 16 * threads.count, [&](int64_t begin, int64_t end) {
      tiled.variant.transform(tiled.images, first + begin, first + end,
                              part_of(memory.transformed, kGroup, begin));
    });
    threads.run(kTilePoints * shares, [&](int64_t task) {
      const int64_t share = task % shares, panels = tiled.panels.count;
      tiled.Multiply(memory.transformed, count, task / shares, panels * share / shares,
                     panels * (share + 1) / shares, memory.products);
    });
    RunInParts(threads, count, 16 * threads.count, [&](int64_t begin, int64_t end) {
      tiled.variant.finish(tiled.results, first + begin, first + end, tiled.panels,
                           part_of(memory.products, tiled.panels.width, begin));
    });
  }
}

void ConvolveDirectly(const Threads& threads, const Variant& variant, int64_t count,
                      const Images& images, const float* packed, const Results& results) {
  const Panels panels = variant.panels(results.channels);
  const int64_t parts = CeilDiv(images.height, kDirectRows);
  threads.run(count * parts, [&](int64_t task) {
    const Scratch rows(sizeof(float) * DirectRowsSize(images.width, images.channels));
    const int64_t first = task % parts * kDirectRows;
    variant.direct(images, results, task / parts, first,
                   std::min(first + kDirectRows, images.height), packed, panels,
                   rows.as<float>());
  });
}

}  // namespace

void Pack(const Threads& threads, const Variant& variant, const Kernel& kernel, float* packed) {
  const Panels panels = variant.panels(kernel.outputs());
  const bool directly = kernel.inputs() < kFewestChannels;
  threads.run(panels.count, [&](int64_t panel) {
    (directly ? variant.pack_direct : variant.pack)(kernel, panels, panel, packed);
  });
}

void Convolve(const Threads& threads, const Variant& variant, int64_t count, const Images& images,
              const float* packed, const Results& results) {
  if (count * images.height * images.width * results.channels == 0) return;
  if (images.channels < kFewestChannels)
    return ConvolveDirectly(threads, variant, count, images, packed, results);
  const Tiled tiled(variant, count, images, packed, results);
  const bool alone = tiled.KernelBytes() <= kSmallKernelBytes;
  (alone ? ConvolveAlone : ConvolveTogether)(threads, tiled);
}

}  // namespace brainfcn
