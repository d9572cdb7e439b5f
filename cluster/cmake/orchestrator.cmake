# The coordinator and the program. `decisions` is pure: no clock, MPI or SQLite.
stdualx_library(stdualx_decisions FOLDER orchestrator SOURCES bookkeeper.cpp exit_statuses.cpp coordinator.cpp coordinator_blame.cpp coordinator_lease.cpp coordinator_schedule.cpp job.cpp live.cpp lost_node.cpp progress.cpp served_answers.cpp redraw.cpp simulator.cpp
  LINKS stdualx_messages stdualx_results PRIVATE_LINKS fmt::fmt)
stdualx_library(stdualx_orchestrator FOLDER orchestrator
  SOURCES loop.cpp output.cpp recovery.cpp server.cpp slurm_answers.cpp space.cpp submission.cpp terminal.cpp commands/bench.cpp commands/bench_scheduler.cpp commands/command.cpp commands/data.cpp commands/db.cpp commands/doctor.cpp commands/export.cpp commands/guard.cpp commands/html.cpp commands/jobs.cpp commands/man_page.cpp commands/predict.cpp commands/preflight.cpp commands/profile.cpp commands/python.cpp commands/run.cpp commands/submit.cpp commands/rank.cpp commands/questions.cpp
          commands/completion.cpp commands/reference.cpp commands/retry.cpp commands/serve.cpp commands/tsne.cpp standing.cpp
  LINKS stdualx_decisions stdualx_agent stdualx_build stdualx_experiments Boost::program_options PRIVATE_LINKS fmt::fmt)
if(STDUALX_WITH_HTTP)
  set(stdualx_page "${CMAKE_SOURCE_DIR}/orchestrator/page/live")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${stdualx_page}.html" "${stdualx_page}.js" "${stdualx_page}.css")
  file(READ "${stdualx_page}.html" STDUALX_PAGE_HTML)
  file(READ "${stdualx_page}.js" STDUALX_PAGE_JS)
  file(READ "${stdualx_page}.css" STDUALX_PAGE_CSS)
  configure_file("${CMAKE_SOURCE_DIR}/orchestrator/page_files.cpp.in" "${CMAKE_BINARY_DIR}/generated/orchestrator/page_files.cpp" @ONLY)
  target_sources(stdualx_orchestrator PRIVATE "${CMAKE_BINARY_DIR}/generated/orchestrator/page_files.cpp")
  target_link_libraries(stdualx_orchestrator PRIVATE library::httplib)
  target_compile_definitions(stdualx_orchestrator PRIVATE STDUALX_WITH_HTTP)
endif()
if(STDUALX_WITH_FUSED)
  target_sources(stdualx_orchestrator PRIVATE "${CMAKE_SOURCE_DIR}/orchestrator/commands/trained.cpp")
  target_link_libraries(stdualx_orchestrator PRIVATE stdualx_inference)
  target_compile_definitions(stdualx_orchestrator PRIVATE STDUALX_WITH_FUSED)
endif()
add_executable(stdualx orchestrator/main.cpp)
target_link_libraries(stdualx PRIVATE stdualx_orchestrator stdualx_options)
set_target_properties(stdualx PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON) # a site's own MPI stays where it is
install(TARGETS stdualx RUNTIME)
install(DIRECTORY experiments/sweeps experiments/manifests docs DESTINATION share/stdualx)
install(FILES LICENSE README.md CHANGELOG.md CITATION.cff experiments/sweep.schema.json experiments/datasets/watch_to_csv.py results/tsne_silhouette.py results/figures/figure_files.py
  DESTINATION share/stdualx)
# Manual page and completion, printed by the program that was just built.
set(stdualx_share "${CMAKE_BINARY_DIR}/share")
add_custom_command(TARGET stdualx POST_BUILD VERBATIM
  COMMAND ${CMAKE_COMMAND} -E make_directory "${stdualx_share}/man/man1" "${stdualx_share}/bash-completion/completions" "${stdualx_share}/stdualx"
  COMMAND sh -c "\"$1\" reference man >\"$2/man/man1/stdualx.1\" && \"$1\" completion bash >\"$2/bash-completion/completions/stdualx\" && \"$1\" completion zsh >\"$2/stdualx/completion.zsh\"" sh "$<TARGET_FILE:stdualx>" "${stdualx_share}")
install(FILES "${stdualx_share}/man/man1/stdualx.1" DESTINATION share/man/man1)
install(FILES "${stdualx_share}/bash-completion/completions/stdualx" DESTINATION share/bash-completion/completions)
install(FILES "${stdualx_share}/stdualx/completion.zsh" DESTINATION share/stdualx)
# The JavaScript of `report --html`, out of the wheel that cluster/bootstrap.sh installs. A build without it has all but --html, which says so.
file(GLOB stdualx_vega_wheel "${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/vl_convert_python-*.dist-info/RECORD")
if(stdualx_vega_wheel)
  set(stdualx_vega_bundle "${CMAKE_BINARY_DIR}/share/stdualx/vega_bundle.js")
  add_custom_command(OUTPUT "${stdualx_vega_bundle}" DEPENDS ${stdualx_vega_wheel} VERBATIM COMMENT "The JavaScript of Vega, Vega-Lite and Vega-Embed"
    COMMAND ${CMAKE_COMMAND} -E make_directory "${CMAKE_BINARY_DIR}/share/stdualx"
    COMMAND "${CMAKE_SOURCE_DIR}/.venv/bin/python" -c "import sys, vl_convert; text = vl_convert.javascript_bundle(); open(sys.argv[1], 'w', encoding='utf-8', newline='').write(text)" "${stdualx_vega_bundle}")
  add_custom_target(stdualx_vega DEPENDS "${stdualx_vega_bundle}")
  add_dependencies(stdualx stdualx_vega)
  install(FILES "${stdualx_vega_bundle}" DESTINATION share/stdualx)
else()
  message(STATUS "vl-convert-python is not in .venv: `report --html` will have no figures to write (cluster/bootstrap.sh installs it)")
endif()
stdualx_tests(orchestrator SOURCES blame_test.cpp bookkeeper_test.cpp coordinator_test.cpp exit_statuses_test.cpp files_gone_test.cpp live_test.cpp lost_node_test.cpp lost_agents_test.cpp pack_test.cpp progress_test.cpp served_answers_test.cpp redraw_test.cpp simulator_test.cpp LINKS stdualx_decisions SQLite::SQLite3)
