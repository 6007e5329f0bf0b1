// All code of one variant, as a table of functions.
#pragma once

#include "direct.h"
#include "layer.h"
#include "packing.h"
#include "product.h"
#include "thin_gradient.h"
#include "tile_transforms.h"
#include "winograd_gradient.h"

namespace brainfcn {
namespace BRAINFCN_VARIANT {

constexpr GradientFunctions kGradientFunctions = {
    PackGradientTiles, MultiplyGradientTiles, FinishGradientTiles, MultiplyThin, FinishThin,
};

constexpr Variant kFunctions = {
    BRAINFCN_NAME,   kLanes,          kWideVectors,  kNarrowVectors, PackPanel,
    PackDirectPanel, TransformImages, MultiplyPoint, FinishTiles,    ConvolveRows,
    kGradientFunctions,
};

}  // namespace BRAINFCN_VARIANT
}  // namespace brainfcn
