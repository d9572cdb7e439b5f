# Attacks on what is promised (docs/promises.md): a whole job in one process, without MPI or torch.
stdualx_tests(faults SOURCES fault_matrix_test.cpp one_process_job.cpp group_model_test.cpp protocol_model_test.cpp LINKS stdualx_decisions stdualx_experiments_data stdualx_group)
