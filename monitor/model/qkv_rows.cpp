#include "model/qkv_rows.h"

namespace azimuth {
namespace {

// The heads of a fused matrix from its first output to its last, each by a number that says what it
// is in every layout: queries from 0, then keys, then values.
std::vector<std::int64_t> heads_in_order(const Architecture& a, QkvLayout layout) {
  std::vector<std::int64_t> order;
  if (layout == QkvLayout::by_kind) {
    for (std::int64_t head = 0; head < a.heads + 2 * a.kv_heads; ++head) order.push_back(head);
    return order;
  }
  const std::int64_t queries = a.heads / a.kv_heads;
  for (std::int64_t kv = 0; kv < a.kv_heads; ++kv) {
    for (std::int64_t q = 0; q < queries; ++q) order.push_back(kv * queries + q);
    order.push_back(a.heads + kv);
    order.push_back(a.heads + a.kv_heads + kv);
  }
  return order;
}

}  // namespace

std::vector<Eigen::Index> qkv_rows(const Architecture& architecture, std::int64_t head_size,
                                   QkvLayout other) {
  const std::vector<std::int64_t> theirs = heads_in_order(architecture, other);
  std::vector<std::int64_t> place(theirs.size());
  for (std::size_t i = 0; i < theirs.size(); ++i) {
    place[static_cast<std::size_t>(theirs[i])] = static_cast<std::int64_t>(i);
  }
  std::vector<Eigen::Index> rows;
  for (const std::int64_t head : heads_in_order(architecture, architecture.qkv_layout)) {
    const std::int64_t first = place[static_cast<std::size_t>(head)] * head_size;
    for (std::int64_t i = 0; i < head_size; ++i) rows.push_back(first + i);
  }
  return rows;
}

}  // namespace azimuth
