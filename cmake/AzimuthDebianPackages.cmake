# `cpack` makes Debian packages: `azimuth`, the program, `azimuth-text`, what of it runs models, and `libazimuth-dev`, the library
# with its headers and CMake files. What belongs to a program says so where it is installed; all else is of the library.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL library)
if(AZIMUTH_BUILD_CLI)
  list(APPEND CPACK_COMPONENTS_ALL program)
endif()

if(TARGET azimuth_text_program)
  list(APPEND CPACK_COMPONENTS_ALL text)
endif()

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "The Azimuth developers <azimuth@localhost>")

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME azimuth)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PROGRAM_DESCRIPTION "The program: inspects and compares checkpoints, reads the histories of
training runs that Azimuth has watched, draws reports, and watches a run live.")

# Of a LibTorch that is no package dpkg-shlibdeps can say nothing; `azimuth` has what else it needs.
set(CPACK_DEBIAN_TEXT_PACKAGE_NAME azimuth-text)
set(CPACK_DEBIAN_TEXT_PACKAGE_SECTION science)
set(CPACK_DEBIAN_TEXT_PACKAGE_DEPENDS "azimuth (= ${PROJECT_VERSION})")
if(AZIMUTH_LIBTORCH_USED STREQUAL "/usr")
  set(CPACK_DEBIAN_TEXT_PACKAGE_SHLIBDEPS ON)
endif()
set(CPACK_DEBIAN_TEXT_DESCRIPTION "What of the program runs models on text: 'azimuth inspect --text', 'azimuth
quantize --text'. It runs with the LibTorch that it was compiled with, ${AZIMUTH_LIBTORCH_USED}.")

set(CPACK_DEBIAN_LIBRARY_PACKAGE_NAME libazimuth-dev)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBRARY_DESCRIPTION "The library: archives, headers and the CMake package. The LibTorch integration
is compiled against one LibTorch, which AZIMUTH_LIBTORCH names when the package
is used.")

# What azimuth-config.cmake looks for. LibTorch is not among it: who trains has one already, seldom Debian's.
set(depends libeigen3-dev libssl-dev)
if(AZIMUTH_WITH_PROTO OR AZIMUTH_WITH_CHECKPOINTS)
  list(APPEND depends libprotobuf-dev protobuf-compiler)
endif()
if(AZIMUTH_WITH_GRPC)
  list(APPEND depends libgrpc++-dev protobuf-compiler-grpc)
endif()
if(AZIMUTH_WITH_PROMETHEUS)
  list(APPEND depends prometheus-cpp-dev)
endif()
if(AZIMUTH_WITH_STORE)
  list(APPEND depends libsqlite3-dev)
endif()
if(AZIMUTH_WITH_CHECKPOINTS)
  list(APPEND depends nlohmann-json3-dev)
endif()
list(JOIN depends ", " CPACK_DEBIAN_LIBRARY_PACKAGE_DEPENDS)

include(CPack)
