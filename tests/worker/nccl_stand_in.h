// A libnccl for tests, linked in place of the real one: no GPU, and it fails on command.
#pragma once

#include <nccl.h>

#include <vector>

namespace stdualx::test {

struct NcclStandIn {
  // What it answers.
  ncclResult_t init = ncclSuccess, all_reduce = ncclSuccess, finalize = ncclSuccess;
  int in_progress = 0;              // so many questions for the state are answered with "in progress" after each call
  ncclResult_t state = ncclSuccess; // and after these with this
  // What it saw.
  int all_reduces = 0, finalizes = 0, destroys = 0, aborts = 0, last_size = 0, last_rank = -1, last_blocking = -1;
  std::vector<char> last_id;

  int pending = 0;
};

/// The one that the functions speak to; a test resets it.
NcclStandIn& nccl_stand_in();

} // namespace stdualx::test
