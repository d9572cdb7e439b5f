// See lost_node.h.
#include "orchestrator/lost_node.h"

namespace stdualx {

bool LostNode::look(std::optional<bool> answers, const std::optional<std::string>& pulse, double now) {
  if (answers) misses_ = *answers ? 0 : misses_ + 1;
  if (misses_ == 0) pulse_.reset();
  if (misses_ == 0 || !pulse) return false;
  if (pulse_ != pulse) {
    pulse_ = pulse;
    pulse_since_ = now;
  }
  return misses_ >= most_misses && now - pulse_since_ >= longest_stillness;
}

} // namespace stdualx
