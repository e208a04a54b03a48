# SPDX-License-Identifier: Apache-2.0
# Each folder under src/ is a room: an object library named room_<name>. All rooms together are
# liboctet; tests link them through octet_internal, which keeps the hidden symbols reachable.

# octet_room(NAME SOURCES file... [LIBS target...])
function(octet_room name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LIBS" ${ARGN})
  add_library(room_${name} OBJECT ${ARG_SOURCES})
  target_include_directories(room_${name} PRIVATE "${CMAKE_SOURCE_DIR}/src"
                             PUBLIC "${CMAKE_SOURCE_DIR}/include")
  target_link_libraries(room_${name} PUBLIC ${ARG_LIBS})
  set_property(GLOBAL APPEND PROPERTY OCTET_ROOMS room_${name})
  set_property(GLOBAL APPEND PROPERTY OCTET_LIBS ${ARG_LIBS})
endfunction()

# octet_test(NAME SOURCES file... [LIBS target...] [ARGS arg...] [ALLOC_FAIL])
# A cmocka program, run by ctest with the repository root as its working directory. ALLOC_FAIL lets
# the program refuse the library's allocations one by one (tests/support/alloc_fail.h).
function(octet_test name)
  cmake_parse_arguments(ARG "ALLOC_FAIL" "" "SOURCES;LIBS;ARGS" ${ARGN})
  if(ARG_ALLOC_FAIL)
    list(APPEND ARG_SOURCES "${CMAKE_SOURCE_DIR}/tests/support/alloc_fail.c")
  endif()
  add_executable(test_${name} ${ARG_SOURCES})
  target_include_directories(test_${name} PRIVATE "${CMAKE_SOURCE_DIR}/src"
                             "${CMAKE_SOURCE_DIR}/tests")
  target_link_libraries(test_${name} PRIVATE octet_internal PkgConfig::CMOCKA ${ARG_LIBS})
  if(ARG_ALLOC_FAIL)
    target_link_options(test_${name} PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
                        -Wl,--wrap=strdup,--wrap=free)
  endif()
  # cmocka's macros convert between integer types on purpose.
  target_compile_options(test_${name} PRIVATE -Wno-conversion -Wno-missing-prototypes)
  add_test(NAME ${name} COMMAND test_${name} ${ARG_ARGS} WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77)
endfunction()

# octet_fuzz(NAME SOURCES file...)
# A file that defines LLVMFuzzerTestOneInput. With OCTET_FUZZ it becomes a libFuzzer program;
# in every other build it is linked with the replay driver and its corpus
# tests/fuzz/corpus/NAME/ runs as a test.
function(octet_fuzz name)
  cmake_parse_arguments(ARG "" "" "SOURCES" ${ARGN})
  if(OCTET_FUZZ)
    add_executable(fuzz_${name} ${ARG_SOURCES})
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(fuzz_${name} ${ARG_SOURCES} "${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c")
    add_test(NAME fuzz_${name} COMMAND fuzz_${name} "${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name}"
             WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
  endif()
  target_include_directories(fuzz_${name} PRIVATE "${CMAKE_SOURCE_DIR}/src")
  target_compile_options(fuzz_${name} PRIVATE -Wno-missing-prototypes)
  target_link_libraries(fuzz_${name} PRIVATE octet_internal)
endfunction()

# octet_embed(OUT_VAR FILE NAME): a C file with the bytes of FILE as `const unsigned char NAME[]`,
# a NUL behind them, and `const size_t NAME_size`, made when FILE changes; OUT_VAR is its path.
function(octet_embed out_var file name)
  set(out "${CMAKE_CURRENT_BINARY_DIR}/${name}.c")
  add_custom_command(
    OUTPUT "${out}"
    COMMAND ${CMAKE_COMMAND} -D "IN=${CMAKE_CURRENT_SOURCE_DIR}/${file}" -D "OUT=${out}"
            -D "NAME=${name}" -P "${CMAKE_SOURCE_DIR}/cmake/embed.cmake"
    DEPENDS "${file}" "${CMAKE_SOURCE_DIR}/cmake/embed.cmake"
    VERBATIM)
  set(${out_var} "${out}" PARENT_SCOPE)
endfunction()
