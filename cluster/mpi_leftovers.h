// What Open MPI leaves behind when its mpirun is killed: shared memory and a folder of sockets and maps.
#pragma once

#include <sys/types.h>

#include <filesystem>

namespace stdualx {

/// Removes what the dead mpirun `process` of this user left on this host: <temporary>/ompi.HOST.UID/pid.PROCESS and, in `shared_memory`,
/// the segments of its job, whose number stands in that folder. Nothing where it ended by itself. Only Open MPI 4's names are known.
/// Errors are ignored: what cannot be removed does no harm but take room.
void remove_mpi_leftovers(pid_t process, const std::filesystem::path& temporary = std::filesystem::temp_directory_path(),
                          const std::filesystem::path& shared_memory = "/dev/shm");

} // namespace stdualx
