# azimuth_library(<name> SOURCES ... [PUBLIC ...] [PRIVATE ...] [FOLDERS ...])
#
# Makes the library azimuth_<name> with the alias azimuth::<name>, C++20, and installs it with its public headers: those in
# ./include, or in FOLDER/include for each of FOLDERS.
function(azimuth_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE;FOLDERS" ${ARGN})
  if(NOT ARG_FOLDERS)
    set(ARG_FOLDERS .)
  endif()
  set(target azimuth_${name})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(azimuth::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target}
    PUBLIC $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
  target_link_libraries(${target} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  install(TARGETS ${target} EXPORT azimuth-targets)
  set_property(GLOBAL APPEND PROPERTY AZIMUTH_COMPONENTS ${name})
  foreach(folder IN LISTS ARG_FOLDERS)
    cmake_path(SET headers NORMALIZE "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/include")
    if(IS_DIRECTORY "${headers}")
      target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${headers}>)
      install(DIRECTORY "${headers}/" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    endif()
  endforeach()
endfunction()

# azimuth_optimise_little(<target>): for what takes longer to compile than to run.
function(azimuth_optimise_little target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()

# azimuth_test(<name> LABEL fast|slow SOURCES ... [LIBRARIES ...] [SLOW <filter>] [CALCULATES] [TOGETHER])
#
# One executable for the tests of a folder compiles soonest; those that match the filter of GoogleTest are slow all the same.
# Tests are not optimised, unless they multiply matrices themselves. TOGETHER, and everywhere with AZIMUTH_TESTS_TOGETHER, the
# fast tests of an executable run in two processes, not one each: of hundreds of small ones, under a sanitizer, or with LibTorch, a
# process takes longer to start than a test does.
function(azimuth_test name)
  cmake_parse_arguments(ARG "CALCULATES;TOGETHER" "LABEL;SLOW;TIMEOUT" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  if(ARG_CALCULATES)
    azimuth_optimise_little(${name})
  else()
    target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O0>)
  endif()
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} GTest::gmock GTest::gtest_main)
  set(others "*")
  if(ARG_SLOW)
    gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST TEST_FILTER "${ARG_SLOW}" TEST_LIST ${name}_SLOW_TESTS
      PROPERTIES LABELS slow TIMEOUT 600)
    set(others "*-${ARG_SLOW}")
  endif()
  if(ARG_TOGETHER OR AZIMUTH_TESTS_TOGETHER)
    set(environment "GTEST_TOTAL_SHARDS=2")
    if(ARG_TOGETHER)
      # LibTorch's threads wait for each other without rest: two processes of two each take five times as long.
      list(APPEND environment OMP_NUM_THREADS=1)
    endif()
    foreach(half 0 1)
      add_test(NAME ${name}.${half} COMMAND ${name} --gtest_brief=1 "--gtest_filter=${others}")
      set_tests_properties(${name}.${half} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 900
        ENVIRONMENT "${environment};GTEST_SHARD_INDEX=${half}")
    endforeach()
    return()
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST TEST_FILTER "${others}"
    PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()
