# What to run: data sets and windows (experiments_data.cmake); here sweep files and the plan.
include(cluster/cmake/experiments_data.cmake)
stdualx_library(stdualx_experiments FOLDER experiments
  SOURCES presets.cpp variants.cpp sweep.cpp sweep_settings.cpp sweep_schema.cpp plan.cpp plan_data.cpp
  LINKS stdualx_experiments_data stdualx_spec)
stdualx_tests(sweep FOLDER experiments
  SOURCES data_fixtures.cpp sweep_errors_test.cpp sweep_expansion_test.cpp sweep_json_test.cpp sweep_plan_test.cpp sweep_real_test.cpp sweep_shipped_test.cpp sweep_variants_test.cpp sweep_window_lengths_test.cpp
  LINKS stdualx_experiments LibArchive::LibArchive fmt::fmt)
