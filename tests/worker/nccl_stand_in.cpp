// The symbols of libnccl that worker/training/communicator_nccl.cpp uses. An all-reduce multiplies by the group's size: the sum of equal
// values.
#include "nccl_stand_in.h"

struct ncclComm {
  int size;
};

namespace stdualx::test {
NcclStandIn& nccl_stand_in() {
  static NcclStandIn instance;
  return instance;
}
} // namespace stdualx::test

using stdualx::test::nccl_stand_in;

extern "C" {

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  for (int i = 0; i < NCCL_UNIQUE_ID_BYTES; ++i) id->internal[i] = static_cast<char>(255 - i);
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* communicator, int size, ncclUniqueId id, int rank, ncclConfig_t* config) {
  auto& stand_in = nccl_stand_in();
  stand_in.last_size = size;
  stand_in.last_rank = rank;
  stand_in.last_blocking = config->blocking;
  stand_in.last_id.assign(id.internal, id.internal + NCCL_UNIQUE_ID_BYTES);
  *communicator = new ncclComm{size};
  stand_in.pending = stand_in.in_progress;
  return stand_in.pending > 0 && stand_in.init == ncclSuccess ? ncclInProgress : stand_in.init;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t, ncclResult_t* state) {
  auto& stand_in = nccl_stand_in();
  *state = stand_in.pending > 0 ? ncclInProgress : stand_in.state;
  if (stand_in.pending > 0) --stand_in.pending;
  return ncclSuccess;
}

ncclResult_t ncclAllReduce(const void* input, void* output, size_t count, ncclDataType_t type, ncclRedOp_t, ncclComm_t communicator,
                           cudaStream_t) {
  auto& stand_in = nccl_stand_in();
  ++stand_in.all_reduces;
  const auto sum = [&](auto zero) {
    for (size_t i = 0; i < count; ++i)
      static_cast<decltype(zero)*>(output)[i] =
          static_cast<const decltype(zero)*>(input)[i] * static_cast<decltype(zero)>(communicator->size);
  };
  if (stand_in.all_reduce == ncclSuccess && type == ncclFloat32) sum(0.0f);
  if (stand_in.all_reduce == ncclSuccess && type == ncclFloat64) sum(0.0);
  stand_in.pending = stand_in.in_progress;
  return stand_in.pending > 0 && stand_in.all_reduce == ncclSuccess ? ncclInProgress : stand_in.all_reduce;
}

ncclResult_t ncclCommFinalize(ncclComm_t) {
  ++nccl_stand_in().finalizes;
  return nccl_stand_in().finalize;
}

ncclResult_t ncclCommDestroy(ncclComm_t communicator) {
  ++nccl_stand_in().destroys;
  delete communicator;
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t communicator) {
  ++nccl_stand_in().aborts;
  delete communicator;
  return ncclSuccess;
}

const char* ncclGetErrorString(ncclResult_t result) { return result == ncclRemoteError ? "remote process exited" : "stand-in error"; }
const char* ncclGetLastError(ncclComm_t) { return "said by the stand-in"; }
}
