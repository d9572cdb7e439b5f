// MPI-3 through its C interface. MPI's default error handler ends the job, so return codes carry nothing; ours throws instead.
#include "cluster/mpi.h"

#include <mpi.h>

#include <exception>
#include <stdexcept>
#include <string>
#include <utility>

namespace stdualx {

namespace {
void check(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(code, text, &length);
  throw std::runtime_error(std::string(call) + ": " + std::string(text, static_cast<std::size_t>(length)));
}

int count_of(std::size_t bytes) {
  if (bytes > 0x7fffffff) throw std::runtime_error("a message of " + std::to_string(bytes) + " bytes is over MPI's 2 GiB");
  return static_cast<int>(bytes);
}
} // namespace

std::string mpi_library() {
  char text[MPI_MAX_LIBRARY_VERSION_STRING] = {};
  int length = 0;
  check(MPI_Get_library_version(text, &length), "MPI_Get_library_version");
  const std::string all(text, static_cast<std::size_t>(length));
  return all.substr(0, all.find('\n'));
}

struct MpiRequest::State {
  MPI_Request request = MPI_REQUEST_NULL;
  bool receive = false;
};

MpiRequest::MpiRequest(std::unique_ptr<State> state) : state_(std::move(state)) {}
MpiRequest::MpiRequest(MpiRequest&&) noexcept = default;
MpiRequest::~MpiRequest() {
  if (!state_ || state_->request == MPI_REQUEST_NULL) return;
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (finalized) return;
  if (state_->receive) MPI_Cancel(&state_->request);
  MPI_Request_free(&state_->request);
}

bool MpiRequest::done() {
  int complete = 0;
  check(MPI_Test(&state_->request, &complete, MPI_STATUS_IGNORE), "MPI_Test");
  return complete != 0;
}

struct MpiWorld::Outgoing {
  std::vector<std::uint8_t> bytes;
  MPI_Request request = MPI_REQUEST_NULL;
};

MpiWorld::MpiWorld() {
  int provided = 0;
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check(MPI_Comm_rank(MPI_COMM_WORLD, &rank_), "MPI_Comm_rank");
  check(MPI_Comm_size(MPI_COMM_WORLD, &size_), "MPI_Comm_size");
  MPI_Comm host = MPI_COMM_NULL;
  check(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &host), "MPI_Comm_split_type");
  int rank_on_host = 0, first_rank = rank_;
  check(MPI_Comm_rank(host, &rank_on_host), "MPI_Comm_rank");
  check(MPI_Bcast(&first_rank, 1, MPI_INT, 0, host), "MPI_Bcast");
  local_worker_index_ = first_rank == 0 ? rank_on_host - 1 : rank_on_host;
  check(MPI_Comm_free(&host), "MPI_Comm_free");
}

MpiWorld::~MpiWorld() {
  // Every rank comes here after the coordinator's last message, so Finalize (which may wait for the others) ends. One that an
  // exception drives out comes alone: it leaves without, says why, and mpirun ends the rest.
  if (std::uncaught_exceptions() == 0) MPI_Finalize();
}

void MpiWorld::send(int rank, MpiTag tag, std::vector<std::uint8_t> bytes) {
  auto outgoing = std::make_unique<Outgoing>();
  outgoing->bytes = std::move(bytes);
  check(MPI_Isend(outgoing->bytes.data(), count_of(outgoing->bytes.size()), MPI_BYTE, rank, static_cast<int>(tag), MPI_COMM_WORLD,
                  &outgoing->request),
        "MPI_Isend");
  // Short messages are through at once; testing all that wait at each send would cost with their number.
  int complete = 0;
  check(MPI_Test(&outgoing->request, &complete, MPI_STATUS_IGNORE), "MPI_Test");
  if (complete == 0) outgoing_.push_back(std::move(outgoing)); // NOLINT(clang-analyzer-optin.mpi.MPI-Checker): unsent() tests it until then
}

std::size_t MpiWorld::unsent() {
  std::erase_if(outgoing_, [](const auto& outgoing) {
    int complete = 0;
    check(MPI_Test(&outgoing->request, &complete, MPI_STATUS_IGNORE), "MPI_Test");
    return complete != 0;
  });
  return outgoing_.size();
}

MpiRequest MpiWorld::send_view(int rank, MpiTag tag, std::span<const std::byte> bytes) {
  auto state = std::make_unique<MpiRequest::State>();
  check(MPI_Isend(bytes.data(), count_of(bytes.size()), MPI_BYTE, rank, static_cast<int>(tag), MPI_COMM_WORLD, &state->request),
        "MPI_Isend");
  return MpiRequest(std::move(state));
}

MpiRequest MpiWorld::receive_into(int rank, MpiTag tag, std::span<std::byte> bytes) {
  auto state = std::make_unique<MpiRequest::State>();
  state->receive = true;
  check(MPI_Irecv(bytes.data(), count_of(bytes.size()), MPI_BYTE, rank, static_cast<int>(tag), MPI_COMM_WORLD, &state->request),
        "MPI_Irecv");
  return MpiRequest(std::move(state));
}

std::optional<MpiWorld::Received> MpiWorld::poll(MpiTag tag) {
  int found = 0;
  MPI_Message message = MPI_MESSAGE_NULL;
  MPI_Status status;
  check(MPI_Improbe(MPI_ANY_SOURCE, static_cast<int>(tag), MPI_COMM_WORLD, &found, &message, &status), "MPI_Improbe");
  if (!found) return std::nullopt;
  int count = 0;
  check(MPI_Get_count(&status, MPI_BYTE, &count), "MPI_Get_count");
  Received received{status.MPI_SOURCE, std::vector<std::uint8_t>(static_cast<std::size_t>(count))};
  // The message has been matched: this receive does not wait for a sender that has yet to come. For a long message it
  // waits for the transfer alone.
  check(MPI_Mrecv(received.bytes.data(), count, MPI_BYTE, &message, MPI_STATUS_IGNORE), "MPI_Mrecv");
  return received;
}

} // namespace stdualx
