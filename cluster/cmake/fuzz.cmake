# libFuzzer's targets (clang; preset fuzz). tests/fuzz/run.sh builds and runs them.
option(STDUALX_FUZZ "Build the fuzz targets (clang)" OFF)
if(STDUALX_FUZZ)
  function(stdualx_fuzz_target name)
    add_executable(${name}_fuzz "${CMAKE_SOURCE_DIR}/tests/fuzz/${name}_fuzz.cpp")
    target_link_libraries(${name}_fuzz PRIVATE stdualx_options ${ARGN})
    target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
  endfunction()
  stdualx_fuzz_target(sweep stdualx_experiments)
  target_include_directories(sweep_fuzz PRIVATE "${CMAKE_SOURCE_DIR}/tests/experiments") # its made-up data set
  stdualx_fuzz_target(manifest stdualx_experiments_data)
  stdualx_fuzz_target(archive stdualx_experiments_data)
  stdualx_fuzz_target(message stdualx_messages)
  # Of the model the one file that is fuzzed: the rest of it would be compiled for nothing.
  stdualx_fuzz_target(checkpoint stdualx_messages torch::cpu)
  target_sources(checkpoint_fuzz PRIVATE "${CMAKE_SOURCE_DIR}/model/weights.cpp")
  stdualx_include_root(checkpoint_fuzz PRIVATE model)
endif()
