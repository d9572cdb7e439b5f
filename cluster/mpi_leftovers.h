// What Open MPI leaves behind when its mpirun is killed: shared memory and a folder of sockets and maps.
#pragma once

#include <sys/types.h>

#include <filesystem>

namespace stdualx {

/// A rank's, before it starts MPI: notes in `folder` which MPI job it belongs to, so that its shared memory can be found even if it dies
/// while it makes it. Nothing where Open MPI does not say. Errors are ignored.
void note_mpi_job(const std::filesystem::path& folder);

/// Removes what the dead mpirun `process` of this user, whose ranks noted their jobs in `folder`, left on this host: its folder
/// <temporary>/ompi.HOST.UID/pid.PROCESS, and the segments of those jobs in `shared_memory`. Nothing where all ended by themselves. Errors
/// are ignored: what cannot be removed does no harm but take room. Only Open MPI 4's names are known. `temporary`: empty
/// for the user's own.
void remove_mpi_leftovers(pid_t process, const std::filesystem::path& folder, const std::filesystem::path& temporary = {},
                          const std::filesystem::path& shared_memory = "/dev/shm");

} // namespace stdualx
