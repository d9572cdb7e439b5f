// The other side of the comparison: MPI_Iallreduce straight between two processes, polled with yields. Arguments: floats, rounds.
// Rank 0 prints the median in milliseconds.
#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  const int floats = argc > 1 ? std::atoi(argv[1]) : 1 << 20, rounds = argc > 2 ? std::atoi(argv[2]) : 300;
  int rank = 0, size = 1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  const std::vector<float> gradient(static_cast<std::size_t>(floats), 1.0f);
  std::vector<float> sum(gradient.size());
  std::vector<double> times;
  for (int round = 0; round < rounds; ++round) {
    const double begin = MPI_Wtime();
    MPI_Request request;
    MPI_Iallreduce(gradient.data(), sum.data(), floats, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD, &request);
    for (int done = 0; done == 0;) {
      MPI_Test(&request, &done, MPI_STATUS_IGNORE);
      if (done == 0) ::sched_yield();
    }
    times.push_back(1e3 * (MPI_Wtime() - begin));
    if (sum.back() != static_cast<float>(size)) MPI_Abort(MPI_COMM_WORLD, 1);
  }
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  if (rank == 0) std::printf("%f\n", times[static_cast<std::size_t>(rounds / 2)]);
  MPI_Finalize();
  return 0;
}
