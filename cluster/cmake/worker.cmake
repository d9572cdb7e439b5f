# What trains a run. Without torch: messages, group protocol, agent. With torch: training.cmake.
stdualx_library(stdualx_messages FOLDER worker SOURCES messages.cpp LINKS stdualx_spec)
include(cluster/cmake/training.cmake OPTIONAL)
