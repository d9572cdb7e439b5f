# Data: readers, windows and their cache, splits. No torch, MPI, SQLite.
include_guard(GLOBAL)
stdualx_library(stdualx_experiments_data FOLDER experiments
  SOURCES archive.cpp cache_files.cpp catalog.cpp corruption.cpp gaps.cpp json_file.cpp resample.cpp split.cpp window_cache.cpp window_stream.cpp windows.cpp
          datasets/clock.cpp datasets/csv.cpp datasets/dsads.cpp datasets/first_manifest.cpp datasets/hugadb.cpp datasets/label_intervals.cpp datasets/manifest.cpp datasets/manifest_rows.cpp datasets/number_rows.cpp datasets/oddities.cpp datasets/opportunity.cpp
          datasets/pamap2.cpp datasets/readers.cpp datasets/row_fields.cpp datasets/text_file.cpp datasets/uci_har.cpp datasets/watch.cpp
  LINKS stdualx_spec
  PRIVATE_LINKS headers::xxhash fmt::fmt)
if(LibArchive_FOUND)
  target_link_libraries(stdualx_experiments_data PRIVATE LibArchive::LibArchive)
  target_compile_definitions(stdualx_experiments_data PRIVATE STDUALX_WITH_LIBARCHIVE)
endif()
stdualx_tests(experiments_data FOLDER experiments
  SOURCES own_data/account_test.cpp own_data/clock_test.cpp own_data/file_variants_test.cpp own_data/first_manifest_test.cpp own_data/lab_files_test.cpp data_cache_test.cpp data_corruption_test.cpp data_dsads_test.cpp data_fixtures.cpp data_hugadb_test.cpp data_manifest_test.cpp data_opportunity_test.cpp data_pamap2_test.cpp
          data_real_test.cpp data_split_test.cpp data_uci_har_test.cpp data_window_stream_test.cpp data_windows_test.cpp
  LINKS stdualx_experiments_data LibArchive::LibArchive fmt::fmt)
if(TARGET experiments_data_tests)
  target_include_directories(experiments_data_tests PRIVATE "${CMAKE_SOURCE_DIR}/tests/experiments") # own_data/ uses the fixtures above it
endif()
