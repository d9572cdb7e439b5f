# The coordinator and the program. `decisions` is pure: no clock, MPI or SQLite.
stdualx_library(stdualx_decisions FOLDER orchestrator SOURCES coordinator.cpp progress.cpp
  LINKS stdualx_messages stdualx_results PRIVATE_LINKS fmt::fmt)
stdualx_library(stdualx_orchestrator FOLDER orchestrator
  SOURCES job.cpp loop.cpp commands/command.cpp commands/run.cpp commands/rank.cpp commands/questions.cpp
  LINKS stdualx_decisions stdualx_agent stdualx_experiments Boost::program_options PRIVATE_LINKS fmt::fmt)
add_executable(stdualx orchestrator/main.cpp)
target_compile_definitions(stdualx PRIVATE STDUALX_VERSION="${PROJECT_VERSION}")
target_link_libraries(stdualx PRIVATE stdualx_orchestrator stdualx_options)
install(TARGETS stdualx RUNTIME)
stdualx_tests(orchestrator SOURCES coordinator_test.cpp progress_test.cpp LINKS stdualx_decisions)
