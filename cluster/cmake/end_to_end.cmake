# Whole jobs: the built program, real mpirun, real SQLite. Python's standard library drives them (tests/end_to_end/harness.py).
if(STDUALX_TESTS)
  add_executable(stub_trainer "${CMAKE_SOURCE_DIR}/tests/end_to_end/stub_trainer.cpp")
  target_link_libraries(stub_trainer PRIVATE stdualx_options stdualx_messages)
  set_target_properties(stub_trainer PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")

  # stdualx_end_to_end_tests(<file> <class>... [FOLDER <folder>]): each test class of tests/<folder>/<file>.py is one test of ctest,
  # with the folder as its label.
  function(stdualx_end_to_end_tests file)
    cmake_parse_arguments(TESTS "" "FOLDER" "" ${ARGN})
    if(NOT TESTS_FOLDER)
      set(TESTS_FOLDER end_to_end)
    endif()
    foreach(class IN LISTS TESTS_UNPARSED_ARGUMENTS)
      set(name ${TESTS_FOLDER}.${file}.${class})
      add_test(NAME ${name} COMMAND "${STDUALX_PYTHON}" -m unittest -v ${file}.${class} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}/tests/${TESTS_FOLDER}")
      # Two workers fill the two cores that a small machine has: one of these tests at a time.
      set_tests_properties(${name} PROPERTIES TIMEOUT 600 SKIP_REGULAR_EXPRESSION "skipped '" LABELS ${TESTS_FOLDER} RUN_SERIAL ON ENVIRONMENT "STDUALX_BUILD=${CMAKE_BINARY_DIR};PYTHONDONTWRITEBYTECODE=1")
    endforeach()
  endfunction()
  stdualx_end_to_end_tests(test_processes Sweeps Deaths Failures Signals OneWriter)
  stdualx_end_to_end_tests(test_bad_input BadInput FullDisk Help)
  stdualx_end_to_end_tests(test_data DataCommand OwnData)
  stdualx_end_to_end_tests(test_paper Paper)
  stdualx_end_to_end_tests(test_training Kills Training Shipped Installed)
  stdualx_end_to_end_tests(test_submit Submission Slurm FOLDER slurm)
  stdualx_end_to_end_tests(test_faults EveryPoint EveryTrainerPoint FOLDER faults)
  stdualx_end_to_end_tests(random_kills RandomKills ManyRuns FOLDER faults)
endif()
