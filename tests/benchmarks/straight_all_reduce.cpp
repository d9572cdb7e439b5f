// The other side of the comparison: MPI_Iallreduce straight between two processes, polled with yields. Arguments: floats, rounds.
// Rank 0 prints the median, and the mean processor time of all ranks together, in milliseconds.
#include <mpi.h>
#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
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
  double processor = 0;
  const int warm_up = rounds / 10;
  for (int round = 0; round < warm_up + rounds; ++round) {
    if (round == warm_up) processor = static_cast<double>(std::clock());
    const double begin = MPI_Wtime();
    MPI_Request request;
    MPI_Iallreduce(gradient.data(), sum.data(), floats, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD, &request);
    for (int done = 0; done == 0;) {
      MPI_Test(&request, &done, MPI_STATUS_IGNORE);
      if (done == 0) ::sched_yield();
    }
    if (round >= warm_up) times.push_back(1e3 * (MPI_Wtime() - begin));
    if (sum.back() != static_cast<float>(size)) MPI_Abort(MPI_COMM_WORLD, 1);
  }
  processor = 1e3 / CLOCKS_PER_SEC / rounds * (static_cast<double>(std::clock()) - processor);
  double of_all = 0;
  MPI_Reduce(&processor, &of_all, 1, MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
  std::nth_element(times.begin(), times.begin() + rounds / 2, times.end());
  if (rank == 0) std::printf("%f %f\n", times[static_cast<std::size_t>(rounds / 2)], of_all);
  MPI_Finalize();
  return 0;
}
