# Machines: processes and launch (no MPI), and all of MPI in a target of its own.
stdualx_library(stdualx_cluster FOLDER cluster SOURCES batch_script.cpp process.cpp launch.cpp mpi_leftovers.cpp slurm.cpp LINKS stdualx_spec)
target_compile_definitions(stdualx_cluster PRIVATE STDUALX_MPIEXEC="${MPIEXEC_EXECUTABLE}")
stdualx_library(stdualx_mpi FOLDER cluster SOURCES mpi.cpp LINKS stdualx_spec PRIVATE_LINKS MPI::MPI_CXX)
stdualx_tests(cluster SOURCES mpi_leftovers_test.cpp process_test.cpp slurm_test.cpp LINKS stdualx_cluster)
