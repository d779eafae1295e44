# Installs the CMake package `azimuth`, so that find_package(azimuth) gives the same targets as add_subdirectory.
include(CMakePackageConfigHelpers)
get_property(AZIMUTH_COMPONENTS GLOBAL PROPERTY AZIMUTH_COMPONENTS)
list(SORT AZIMUTH_COMPONENTS)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/azimuth)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/azimuth-config.cmake.in
  ${PROJECT_BINARY_DIR}/azimuth-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/azimuth-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/azimuth-config.cmake ${PROJECT_BINARY_DIR}/azimuth-config-version.cmake
  DESTINATION ${package_dir})
install(EXPORT azimuth-targets NAMESPACE azimuth:: DESTINATION ${package_dir})
