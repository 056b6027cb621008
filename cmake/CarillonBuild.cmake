# Compiler settings and the helpers carillon_library(), carillon_program(), carillon_test().
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

option(CARILLON_WERROR "Treat warnings as errors" OFF)
option(CARILLON_PCH "Precompile the heavy third-party headers" ON)
option(CARILLON_FUZZ "Build the libFuzzer targets (clang only)" OFF)
set(CARILLON_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # pch_defines and time_macros: what ccache asks for to cache precompiled headers.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
endif()

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-align=strict
                    -Wno-missing-field-initializers $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>
                    # g++ 12 does not see that a coroutine frame's operator new and delete belong together.
                    $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-Wno-cast-align)
endif()
if(CARILLON_WERROR)
  add_compile_options(-Werror)
endif()
if(CARILLON_SANITIZE)
  add_compile_options(-fsanitize=${CARILLON_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${CARILLON_SANITIZE})
endif()
include_directories(${CMAKE_SOURCE_DIR})

# carillon_library(<name> [BOOST] [SOURCES <file|glob>...] [LINK <target>...])
# A static library of this folder. Without SOURCES: every .cpp here, main.cpp and *_main.cpp apart.
# BOOST: the library uses Asio; the heavy Boost headers are precompiled once and shared.
function(carillon_library name)
  cmake_parse_arguments(arg "BOOST" "" "SOURCES;LINK" ${ARGN})
  if(NOT arg_SOURCES)
    set(arg_SOURCES *.cpp)
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${arg_SOURCES})
  list(FILTER sources EXCLUDE REGEX "(^|/|_)main\\.cpp$")
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC ${arg_LINK})
  if(CARILLON_PCH AND arg_BOOST)
    target_precompile_headers(${name} REUSE_FROM carillon_pch_boost)
  endif()
endfunction()

# An executable may only use the shared precompiled headers when it is compiled as they were (-fPIC, not -fPIE).
function(carillon_reuse_pch name)
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
  target_compile_options(${name} PRIVATE -fPIC)
  target_precompile_headers(${name} REUSE_FROM carillon_pch_boost)
endfunction()

# carillon_program(<name> <main.cpp> [LINK <target>...]): an executable in build/<preset>/bin.
function(carillon_program name main)
  cmake_parse_arguments(arg "BOOST" "" "LINK" ${ARGN})
  add_executable(${name} ${main})
  target_link_libraries(${name} PRIVATE ${arg_LINK})
  if(CARILLON_PCH AND arg_BOOST)
    carillon_reuse_pch(${name})
  endif()
endfunction()

# SERIAL: the tests carry media in real time, so nothing else runs beside them.
# carillon_test(<name> [BOOST] [SERIAL] [SOURCES <file|glob>...] [LINK <target>...]): a GoogleTest executable of this folder.
function(carillon_test name)
  cmake_parse_arguments(arg "BOOST;SERIAL" "" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT arg_SOURCES)
    set(arg_SOURCES *_test.cpp)
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${arg_SOURCES})
  if(NOT sources)
    return()
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${arg_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
  if(CARILLON_PCH AND arg_BOOST)
    carillon_reuse_pch(${name})
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 120 RUN_SERIAL ${arg_SERIAL} LABELS "unit;${arg_LABELS}")
endfunction()

# carillon_fuzz(<name> <source.cpp> [LINK <target>...])
# With CARILLON_FUZZ: a libFuzzer target <name>. Always: a test that replays tests/fuzz/corpus/<name>/ through it.
function(carillon_fuzz name source)
  cmake_parse_arguments(arg "BOOST" "" "LINK" ${ARGN})
  if(CARILLON_FUZZ)
    add_executable(${name} ${source})
    target_compile_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
    target_link_libraries(${name} PRIVATE ${arg_LINK})
  else()
    add_executable(${name} ${source} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.cpp)
    target_link_libraries(${name} PRIVATE ${arg_LINK})
    add_test(NAME fuzz_replay.${name} COMMAND ${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
    set_tests_properties(fuzz_replay.${name} PROPERTIES LABELS "unit;fuzz" TIMEOUT 120)
  endif()
endfunction()
