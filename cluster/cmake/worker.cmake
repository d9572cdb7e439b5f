# What trains a run. Without torch: messages, group protocol, agent. With torch: training.cmake.
stdualx_library(stdualx_messages FOLDER worker/messages SOURCES messages.cpp agent_link.cpp run_files.cpp LINKS stdualx_spec)
stdualx_library(stdualx_group FOLDER worker/agent SOURCES group.cpp)
stdualx_library(stdualx_agent FOLDER worker/agent SOURCES agent.cpp exchange.cpp trainer_process.cpp
  LINKS stdualx_messages stdualx_group stdualx_cluster stdualx_mpi)
include(cluster/cmake/training.cmake)
stdualx_tests(worker SOURCES group_test.cpp messages_test.cpp LINKS stdualx_messages stdualx_group)
