# Machines: processes and launch (no MPI), and all of MPI in a target of its own.
stdualx_library(stdualx_cluster FOLDER cluster
  SOURCES batch_script.cpp devices.cpp environment_checks.cpp host.cpp host_checks.cpp launch.cpp lone_mpirun.cpp mpi_leftovers.cpp out_of_memory.cpp place.cpp process.cpp relay.cpp slurm.cpp slurm_checks.cpp slurm_site.cpp suspend.cpp words.cpp
  LINKS stdualx_spec PRIVATE_LINKS fmt::fmt)
target_compile_definitions(stdualx_cluster PRIVATE STDUALX_MPIEXEC="${MPIEXEC_EXECUTABLE}")
# By itself, since it changes with each commit: what does not ask is not linked again.
add_custom_target(stdualx_commit
  COMMAND ${CMAKE_COMMAND} "-DSOURCE=${CMAKE_SOURCE_DIR}" "-DOUT=${CMAKE_BINARY_DIR}/generated/commit/generated/commit.h" -P "${CMAKE_SOURCE_DIR}/cluster/cmake/Commit.cmake"
  BYPRODUCTS "${CMAKE_BINARY_DIR}/generated/commit/generated/commit.h")
stdualx_library(stdualx_build FOLDER cluster SOURCES build.cpp LINKS stdualx_spec)
add_dependencies(stdualx_build stdualx_commit)
target_include_directories(stdualx_build PRIVATE "${CMAKE_BINARY_DIR}/generated/commit")
target_compile_definitions(stdualx_build PRIVATE STDUALX_VERSION="${PROJECT_VERSION}")
stdualx_library(stdualx_mpi FOLDER cluster SOURCES mpi.cpp LINKS stdualx_spec PRIVATE_LINKS MPI::MPI_CXX)
stdualx_tests(cluster SOURCES devices_test.cpp environment_checks_test.cpp host_checks_test.cpp launch_test.cpp lone_mpirun_test.cpp mpi_leftovers_test.cpp out_of_memory_test.cpp place_test.cpp process_test.cpp relay_test.cpp slurm_checks_test.cpp slurm_test.cpp LINKS stdualx_cluster)
