# The rooms of the house (ARCHITECTURE.md) and who may include whom.
#
# A room's headers are spelled "room/file.h". They are found through one include directory a room, holding nothing but a
# link to that room, which a target sees only if it links the room: a header that may not be included cannot be found.

include(GNUInstallDirs)

# stdualx_include_root(<target> <visibility> <folder>...): lets <target> spell "<folder>/file.h".
function(stdualx_include_root target visibility)
  foreach(folder IN LISTS ARGN)
    string(REPLACE "/" "-" room ${folder})
    set(root "${CMAKE_BINARY_DIR}/rooms/${room}")
    get_filename_component(parent "${root}/${folder}" DIRECTORY)
    file(MAKE_DIRECTORY "${parent}")
    if(NOT EXISTS "${root}/${folder}")
      file(CREATE_LINK "${CMAKE_SOURCE_DIR}/${folder}" "${root}/${folder}" SYMBOLIC)
    endif()
    target_include_directories(${target} ${visibility} "${root}")
  endforeach()
endfunction()

# Warnings are errors for our code; libraries' headers are system headers.
add_library(stdualx_options INTERFACE)
target_compile_features(stdualx_options INTERFACE cxx_std_20)
target_compile_options(stdualx_options INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Wconversion;-Wno-sign-conversion;-Wnon-virtual-dtor;-Woverloaded-virtual>
  $<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${STDUALX_WERROR}>>:-Werror>)

# stdualx_library(<target> FOLDER <folder> SOURCES ... LINKS <public libraries> PRIVATE_LINKS ...)
function(stdualx_library target)
  cmake_parse_arguments(ROOM "" "FOLDER" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  list(TRANSFORM ROOM_SOURCES PREPEND "${CMAKE_SOURCE_DIR}/${ROOM_FOLDER}/")
  add_library(${target} STATIC ${ROOM_SOURCES})
  stdualx_include_root(${target} PUBLIC ${ROOM_FOLDER})
  target_link_libraries(${target} PUBLIC ${ROOM_LINKS} PRIVATE stdualx_options ${ROOM_PRIVATE_LINKS})
endfunction()

# stdualx_tests(<room> SOURCES ... LINKS ... [FOLDER <folder of tests>]): one GoogleTest program a room, or part of one whose
# tests lie in the room's FOLDER; each of its tests known to ctest by name.
function(stdualx_tests room)
  if(NOT STDUALX_TESTS)
    return()
  endif()
  cmake_parse_arguments(ROOM "" "FOLDER" "SOURCES;LINKS" ${ARGN})
  if(NOT ROOM_FOLDER)
    set(ROOM_FOLDER ${room})
  endif()
  list(TRANSFORM ROOM_SOURCES PREPEND "${CMAKE_SOURCE_DIR}/tests/${ROOM_FOLDER}/")
  add_executable(${room}_tests ${ROOM_SOURCES})
  target_link_libraries(${room}_tests PRIVATE stdualx_options ${ROOM_LINKS} GTest::gmock GTest::gtest_main)
  target_compile_options(${room}_tests PRIVATE $<$<CONFIG:RelWithDebInfo>:-O0>) # GoogleTest's macros take half as long again to optimise
  if(NOT TARGET stdualx_test_places)
    set(places "${CMAKE_BINARY_DIR}/generated/tests/places.cpp")
    configure_file("${CMAKE_SOURCE_DIR}/tests/places.cpp.in" "${places}" @ONLY)
    add_library(stdualx_test_places STATIC "${places}")
    target_compile_options(stdualx_test_places INTERFACE "SHELL:-include \"${CMAKE_SOURCE_DIR}/tests/places.h\"")
    target_include_directories(stdualx_test_places PRIVATE "${CMAKE_SOURCE_DIR}/tests")
  endif()
  target_link_libraries(${room}_tests PRIVATE stdualx_test_places)
  set_target_properties(${room}_tests PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests")
  set(cost 0)
  if(room STREQUAL "faults")
    set(cost 300) # minutes each: not at the end
  endif()
  gtest_discover_tests(${room}_tests TEST_PREFIX "${room}." DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 900 LABELS ${room} COST ${cost})
endfunction()

# stdualx_reference_test(<name> <label> <script of tests/reference> <target>): a test that hands the target's file to a script, which compares what
# it computes with independent modules of Python; skipped where these are not installed.
function(stdualx_reference_test name label script target)
  find_program(STDUALX_PYTHON python3 PATHS "${CMAKE_SOURCE_DIR}/.venv/bin" NO_DEFAULT_PATH)
  find_program(STDUALX_PYTHON python3)
  add_test(NAME ${name} COMMAND "${STDUALX_PYTHON}" "${CMAKE_SOURCE_DIR}/tests/reference/${script}" $<TARGET_FILE:${target}>)
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 300 LABELS ${label})
endfunction()
