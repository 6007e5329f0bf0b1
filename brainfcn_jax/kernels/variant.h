// All code of one variant, as a table of functions.
#pragma once

#include "direct.h"
#include "layer.h"
#include "packing.h"
#include "product.h"
#include "tile_transforms.h"

namespace brainfcn {
namespace BRAINFCN_VARIANT {

constexpr Variant kFunctions = {
    BRAINFCN_NAME,   kLanes,          kWideVectors,  kNarrowVectors, PackPanel,
    PackDirectPanel, TransformImages, MultiplyPoint, FinishTiles,    ConvolveRows,
};

}  // namespace BRAINFCN_VARIANT
}  // namespace brainfcn
