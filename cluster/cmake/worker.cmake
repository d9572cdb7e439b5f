# What trains a run. Without torch: messages, group protocol, agent. With torch: training.cmake.
stdualx_library(stdualx_messages FOLDER worker SOURCES messages.cpp agent_link.cpp run_files.cpp LINKS stdualx_spec)
stdualx_library(stdualx_group FOLDER worker SOURCES group.cpp)
stdualx_library(stdualx_agent FOLDER worker SOURCES agent.cpp exchange.cpp trainer_process.cpp
  LINKS stdualx_messages stdualx_group stdualx_cluster stdualx_mpi)
include(cluster/cmake/training.cmake)
stdualx_tests(worker SOURCES group_test.cpp messages_test.cpp LINKS stdualx_messages stdualx_group)
