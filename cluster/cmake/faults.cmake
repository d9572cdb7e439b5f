# Attacks on what is promised (docs/promises.md): a whole job in one process, without MPI or torch.
stdualx_tests(faults SOURCES fault_matrix_test.cpp one_process_job.cpp LINKS stdualx_decisions stdualx_experiments_data)
