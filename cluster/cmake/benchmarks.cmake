# What `make bench` runs (tests/benchmarks/run.sh), beside the Python that drives it.
if(STDUALX_BENCHMARKS)
  find_package(benchmark REQUIRED)
  add_executable(model_benchmark "${CMAKE_SOURCE_DIR}/tests/benchmarks/model_benchmark.cpp")
  target_link_libraries(model_benchmark PRIVATE stdualx_options stdualx_model benchmark::benchmark_main)
  target_link_options(model_benchmark PRIVATE -Wl,--no-as-needed) # libtorch_cuda registers its kernels when it is loaded
  add_executable(promise_benchmark "${CMAKE_SOURCE_DIR}/tests/benchmarks/promise_benchmark.cpp")
  target_link_libraries(promise_benchmark PRIVATE stdualx_options stdualx_training stdualx_results benchmark::benchmark)
  add_executable(all_reduce_trainer "${CMAKE_SOURCE_DIR}/tests/benchmarks/all_reduce_trainer.cpp")
  target_link_libraries(all_reduce_trainer PRIVATE stdualx_options stdualx_messages)
  add_executable(straight_all_reduce "${CMAKE_SOURCE_DIR}/tests/benchmarks/straight_all_reduce.cpp")
  target_link_libraries(straight_all_reduce PRIVATE stdualx_options MPI::MPI_CXX)
  set_target_properties(model_benchmark promise_benchmark all_reduce_trainer straight_all_reduce PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
endif()
