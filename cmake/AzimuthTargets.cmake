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

# azimuth_test(<name> LABEL fast|slow SOURCES ... [LIBRARIES ...])
function(azimuth_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  # Compiling most tests takes longer than running them.
  target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  target_link_libraries(${name} PRIVATE ${ARG_LIBRARIES} GTest::gmock GTest::gtest_main)
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST
    PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()
