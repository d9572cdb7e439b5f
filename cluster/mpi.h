// All of MPI: a world of ranks that exchange bytes. Nothing here ever blocks in MPI after start-up: a waiting MPI call
// spins on a core that training needs (measured), so callers poll and back off.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace stdualx {

/// What the MPI library that is loaded calls itself, in one line; may be asked before MPI starts.
std::string mpi_library();

/// Which stream of messages; order is kept between two ranks within a tag.
enum class MpiTag : int { control = 1, group_header = 2, group_payload = 3 };

/// A send or receive under way. The memory it names must outlive it; its destructor gives a receive up.
class MpiRequest {
public:
  MpiRequest(MpiRequest&&) noexcept;
  ~MpiRequest();
  /// True once it is complete; cheap to ask again.
  bool done();

private:
  friend class MpiWorld;
  struct State;
  explicit MpiRequest(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// MPI_Init_thread(FUNNELED) to MPI_Finalize. One object a process, used from the main thread.
class MpiWorld {
public:
  MpiWorld();
  ~MpiWorld();
  MpiWorld(const MpiWorld&) = delete;
  MpiWorld& operator=(const MpiWorld&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  /// This rank's place among the *workers* (ranks from 1) of its host: a GPU's index.
  int local_worker_index() const { return local_worker_index_; }

  /// Sends bytes that the world keeps until they are gone.
  void send(int rank, MpiTag tag, std::vector<std::uint8_t> bytes);
  /// Sends memory of the caller's.
  MpiRequest send_view(int rank, MpiTag tag, std::span<const std::byte> bytes);
  /// Receives exactly that many bytes into memory of the caller's.
  MpiRequest receive_into(int rank, MpiTag tag, std::span<std::byte> bytes);

  struct Received {
    int rank;
    std::vector<std::uint8_t> bytes;
  };
  /// A message that has arrived under this tag, from anyone; never waits.
  std::optional<Received> poll(MpiTag tag);
  /// Sends that are not through yet.
  std::size_t unsent();

private:
  int rank_ = 0;
  int size_ = 1;
  int local_worker_index_ = 0;
  struct Outgoing;
  std::deque<std::unique_ptr<Outgoing>> outgoing_;
};

} // namespace stdualx
