# Machines: processes and launch (no MPI), and all of MPI in a target of its own.
stdualx_library(stdualx_cluster FOLDER cluster
  SOURCES batch_script.cpp devices.cpp environment_checks.cpp host.cpp host_checks.cpp launch.cpp mpi_leftovers.cpp place.cpp process.cpp relay.cpp slurm.cpp slurm_checks.cpp slurm_site.cpp suspend.cpp words.cpp
  LINKS stdualx_spec PRIVATE_LINKS fmt::fmt)
target_compile_definitions(stdualx_cluster PRIVATE STDUALX_MPIEXEC="${MPIEXEC_EXECUTABLE}")
stdualx_library(stdualx_mpi FOLDER cluster SOURCES mpi.cpp LINKS stdualx_spec PRIVATE_LINKS MPI::MPI_CXX)
stdualx_tests(cluster SOURCES devices_test.cpp environment_checks_test.cpp host_checks_test.cpp mpi_leftovers_test.cpp place_test.cpp process_test.cpp slurm_checks_test.cpp slurm_test.cpp LINKS stdualx_cluster)
