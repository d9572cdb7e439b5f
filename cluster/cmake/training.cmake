# The torch half of the room worker: the training of a run, and the trainer, the program that does it.
set(stdualx_training_sources
  augmentation.cpp averages.cpp batches.cpp checkpoint.cpp communicator_shared.cpp communicator_single.cpp evaluation.cpp flat_tensors.cpp
  optimizer.cpp pack.cpp schedule.cpp silhouette.cpp state_hash.cpp step_graph.cpp training.cpp turns.cpp)
if(STDUALX_WITH_CUDA)
  list(APPEND stdualx_training_sources communicator_nccl.cpp cuda_queue.cpp step_graph_cuda.cpp)
endif()
stdualx_library(stdualx_training FOLDER worker/training
  SOURCES ${stdualx_training_sources}
  LINKS stdualx_model stdualx_messages torch::cpu
  PRIVATE_LINKS headers::xxhash)
target_precompile_headers(stdualx_training REUSE_FROM stdualx_model)
if(STDUALX_WITH_CUDA)
  target_compile_definitions(stdualx_training PUBLIC STDUALX_WITH_CUDA)
  target_link_libraries(stdualx_training PUBLIC torch::cuda PRIVATE nccl::nccl)
  # Nothing of ours names a symbol of libtorch_cuda, whose kernels register themselves when it is loaded.
  target_link_options(stdualx_training PUBLIC -Wl,--no-as-needed)
endif()

stdualx_library(stdualx_trainer FOLDER worker/trainer
  SOURCES attempt.cpp inference_cost.cpp network_size.cpp pack_server.cpp platform.cpp run_data.cpp trainer.cpp
  LINKS stdualx_training stdualx_experiments_data)
target_precompile_headers(stdualx_trainer REUSE_FROM stdualx_model)
add_executable(stdualx-trainer "${CMAKE_SOURCE_DIR}/worker/trainer/trainer_main.cpp")
target_link_libraries(stdualx-trainer PRIVATE stdualx_options stdualx_trainer stdualx_build)
install(TARGETS stdualx-trainer RUNTIME)
stdualx_install_torch(stdualx-trainer)

stdualx_tests(training FOLDER worker
  SOURCES training_attempt_test.cpp training_baselines_test.cpp training_checkpoint_test.cpp training_cost_test.cpp training_gpu_test.cpp training_graph_test.cpp training_group_test.cpp training_link_test.cpp
          training_operations_test.cpp training_pack_server_test.cpp training_pack_test.cpp training_trainer_test.cpp training_units_test.cpp
  LINKS stdualx_trainer stdualx_experiments)
if(STDUALX_TESTS)
  target_precompile_headers(training_tests REUSE_FROM model_tests)

  # Independent references in Python: PyTorch's optimiser and schedule, scikit-learn's measures, NumPy's augmentation.
  add_executable(training_probe "${CMAKE_SOURCE_DIR}/tests/worker/training_probe.cpp")
  target_link_libraries(training_probe PRIVATE stdualx_options stdualx_training)
  stdualx_reference_test(training.reference training training_reference.py training_probe)
endif()
if(STDUALX_TESTS AND STDUALX_WITH_CUDA)
  # NCCL's control flow without a GPU: a stand-in takes libnccl's place at link time.
  add_executable(training_nccl_tests "${CMAKE_SOURCE_DIR}/tests/worker/training_nccl_test.cpp" "${CMAKE_SOURCE_DIR}/tests/worker/nccl_stand_in.cpp"
                 "${CMAKE_SOURCE_DIR}/worker/training/communicator_nccl.cpp")
  stdualx_include_root(training_nccl_tests PRIVATE worker/training)
  target_include_directories(training_nccl_tests SYSTEM PRIVATE "${STDUALX_NCCL_INCLUDE}" ${CUDAToolkit_INCLUDE_DIRS})
  target_link_libraries(training_nccl_tests PRIVATE stdualx_options torch::cpu GTest::gmock GTest::gtest_main)
  set_target_properties(training_nccl_tests PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  gtest_discover_tests(training_nccl_tests TEST_PREFIX "training." DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300 LABELS training)
endif()
