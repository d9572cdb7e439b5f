# Whole jobs: the built program, real mpirun, real SQLite. Python's standard library drives them (tests/end_to_end/harness.py).
if(STDUALX_TESTS)
  add_executable(stub_trainer "${CMAKE_SOURCE_DIR}/tests/end_to_end/stub_trainer.cpp")
  target_link_libraries(stub_trainer PRIVATE stdualx_options stdualx_messages)
  set_target_properties(stub_trainer PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")

  # stdualx_end_to_end_tests(<file> <class>...): each test class of tests/end_to_end/<file>.py is one test of ctest.
  function(stdualx_end_to_end_tests file)
    foreach(class IN LISTS ARGN)
      set(name end_to_end.${file}.${class})
      add_test(NAME ${name} COMMAND "${STDUALX_PYTHON}" -m unittest -v ${file}.${class} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}/tests/end_to_end")
      # Two workers fill the two cores that a small machine has: one of these tests at a time.
      set_tests_properties(${name} PROPERTIES TIMEOUT 600 SKIP_REGULAR_EXPRESSION "skipped '" LABELS end_to_end RUN_SERIAL ON ENVIRONMENT "STDUALX_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
    endforeach()
  endfunction()
  stdualx_end_to_end_tests(test_processes Sweeps Deaths Failures Signals OneWriter)
  stdualx_end_to_end_tests(test_bad_input BadInput FullDisk Help)
  stdualx_end_to_end_tests(test_data DataCommand OwnData)
  stdualx_end_to_end_tests(test_training Kills Training Shipped Installed)
endif()
