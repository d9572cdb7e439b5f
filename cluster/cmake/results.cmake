# The store and all that is read out of it. SQLite is seen here and nowhere else.
file(GLOB stdualx_migrations CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/results/migrations/*.sql") # in the order of their numbers
set(stdualx_paper_values "${CMAKE_SOURCE_DIR}/results/paper_values.json")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${stdualx_migrations} ${stdualx_paper_values})
set(STDUALX_MIGRATIONS "")
foreach(migration IN LISTS stdualx_migrations)
  file(READ ${migration} text)
  string(APPEND STDUALX_MIGRATIONS "      R\"--sql--(${text})--sql--\",\n")
endforeach()
file(READ ${stdualx_paper_values} STDUALX_PAPER_VALUES)
set(stdualx_embedded "${CMAKE_BINARY_DIR}/generated/results/embedded.cpp")
configure_file("${CMAKE_SOURCE_DIR}/results/embedded.cpp.in" ${stdualx_embedded} @ONLY)

stdualx_library(stdualx_results FOLDER results
  SOURCES ablation_report.cpp accuracy_report.cpp attention_report.cpp backup.cpp baseline_report.cpp classes_report.cpp compare.cpp cost.cpp cut_commit.cpp database.cpp
          efficiency_report.cpp embedding_report.cpp explain.cpp export.cpp fault_vfs.cpp fence.cpp figures/accuracy_figure.cpp figures/attention_figure.cpp figures/confusion_figure.cpp figures/difference_figures.cpp figures/figure.cpp figures/page.cpp
          figures/people_figure.cpp figures/provenance.cpp figures/robustness_figure.cpp figures/training_figure.cpp format.cpp layout.cpp ledger.cpp limbs_report.cpp lock_holders.cpp migrate.cpp pulse.cpp reader.cpp reader_copy.cpp recipes.cpp report.cpp
          robustness_report.cpp run_state.cpp running_backup.cpp schema_check.cpp settings.cpp statistics.cpp status.cpp store.cpp store_claim.cpp store_merge.cpp store_restore.cpp store_sweeps.cpp store_transaction.cpp thin_classes.cpp view_columns.cpp verdict.cpp
  LINKS stdualx_spec
  PRIVATE_LINKS SQLite::SQLite3 Boost::headers fmt::fmt)
target_sources(stdualx_results PRIVATE ${stdualx_embedded})

stdualx_tests(results
  SOURCES ablation_report_test.cpp accuracy_report_test.cpp compare_test.cpp cut_commit_test.cpp explain_test.cpp fence_test.cpp foreign_store_test.cpp format_test.cpp html_report_test.cpp interval_coverage_test.cpp layout_test.cpp labels_test.cpp lead_back_test.cpp limbs_report_test.cpp lock_test.cpp migrate_test.cpp pairing_views_test.cpp pulse_test.cpp reader_test.cpp
          repair_test.cpp report_test.cpp settings_test.cpp statistics_test.cpp status_test.cpp store_crash_test.cpp store_test.cpp train_again_test.cpp tsne_test.cpp view_columns_test.cpp
  LINKS stdualx_results SQLite::SQLite3 fmt::fmt)
