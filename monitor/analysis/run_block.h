#pragma once

#include <Eigen/Core>

#include "analysis/carried.h"
#include "analysis/mix.h"
#include "analysis/mix_beside.h"
#include "azimuth/mixers.h"

namespace azimuth {

/// Takes hidden states `H` through a block: the first `initial` columns as initial tokens, the
/// others without what mixes tokens. Over operations on host memory (host_operations.h).
template <class Ops>
void run_block(const BlockWeights& block, Eigen::Index initial, typename Ops::Columns& H,
               Carried<typename Ops::Columns>& carried, Ops& ops) {
  typename Ops::Columns predicted;
  if (block.streams) {
    predict_streams(*block.streams, H, carried, ops);
    predicted = H;
  }
  typename Ops::Columns read;
  for (const Mixer& mixer : block.mixers) {
    if (!mixer.beside) read = H;
    const Eigen::Index count = mixer.mixes_tokens() ? initial : H.cols();
    if (count > 0) {
      const typename Ops::Columns of_these = read.leftCols(count);
      H.leftCols(count) += output_of(mixer, of_these, carried, ops);
    }
    if (mixer.stream_scale != 1)
      H *= static_cast<typename Ops::Columns::Scalar>(mixer.stream_scale);
  }
  if (block.streams) correct_streams(*block.streams, predicted, H, carried, ops);
}

}  // namespace azimuth
