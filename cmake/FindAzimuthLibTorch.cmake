# Finds LibTorch and makes the imported target AzimuthLibTorch::torch. In this order:
#
#   1. a target `torch` that the surrounding project has found already;
#   2. a LibTorch named by Torch_DIR or lying in CMAKE_PREFIX_PATH, by its own package config where that works (the one
#      of a CUDA wheel does not without a CUDA toolkit), else by its folder;
#   3. the folder AZIMUTH_LIBTORCH: where the PyPI wheel `torch` was installed (pip install --target), an unpacked
#      LibTorch archive, or /usr;
#   4. Debian's libtorch-dev in /usr.
#
# A folder that was named and holds no LibTorch is an error, never a reason to look further. Sets
# AzimuthLibTorch_FOUND, AzimuthLibTorch_VERSION, AzimuthLibTorch_ROOT (what AZIMUTH_LIBTORCH would have to be to find
# the same again).

if(NOT DEFINED AZIMUTH_LIBTORCH)
  set(AZIMUTH_LIBTORCH "$ENV{AZIMUTH_LIBTORCH}" CACHE PATH
    "Folder of LibTorch: an installed PyPI wheel, an unpacked archive, or /usr")
endif()

# Does the package config in `config_dir` of the LibTorch in `root` configure, compile and link? Asked in a project of its
# own, since some configs end in a fatal error.
function(_azimuth_torch_config_works config_dir root result)
  string(SHA1 key "${config_dir}")
  string(SUBSTRING ${key} 0 8 key)
  set(works AZIMUTH_TORCH_CONFIG_WORKS_${key})
  if(NOT DEFINED ${works})
    set(folder "${CMAKE_BINARY_DIR}/CMakeFiles/AzimuthTorchConfig-${key}")
    file(WRITE "${folder}/CMakeLists.txt" "
cmake_minimum_required(VERSION 3.25)
project(torch_config LANGUAGES CXX)
set(CMAKE_CXX_STANDARD 20)
list(PREPEND CMAKE_PREFIX_PATH \"${root}\")
find_package(Torch REQUIRED CONFIG PATHS \"${config_dir}\" NO_DEFAULT_PATH)
add_executable(torch_config main.cpp)
target_link_libraries(torch_config \${TORCH_LIBRARIES})
")
    file(WRITE "${folder}/main.cpp" "
#include <ATen/Parallel.h>
int main() { return at::get_num_threads() > 0 ? 0 : 1; }
")
    message(STATUS "Trying the package config in ${config_dir}")
    execute_process(
      COMMAND "${CMAKE_COMMAND}" -S "${folder}" -B "${folder}/build" -G "${CMAKE_GENERATOR}"
        "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}" "-DCMAKE_PREFIX_PATH=${CMAKE_PREFIX_PATH}"
      RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
    if(status EQUAL 0)
      execute_process(COMMAND "${CMAKE_COMMAND}" --build "${folder}/build"
        RESULT_VARIABLE status OUTPUT_QUIET ERROR_QUIET)
    endif()
    if(status EQUAL 0)
      set(${works} TRUE CACHE INTERNAL "")
      message(STATUS "Trying the package config in ${config_dir} - works")
    else()
      set(${works} FALSE CACHE INTERNAL "")
      message(STATUS "Trying the package config in ${config_dir} - does not work, taking the folder as it is")
    endif()
  endif()
  set(${result} ${${works}} PARENT_SCOPE)
endfunction()

# The folder that holds `include` and `lib`, if `root` is a LibTorch; else empty.
function(_azimuth_torch_folder root result)
  set(${result} "" PARENT_SCOPE)
  foreach(folder IN ITEMS "${root}/torch" "${root}")
    if(EXISTS "${folder}/include/torch/csrc/api/include/torch/torch.h")
      set(${result} "${folder}" PARENT_SCOPE)
      return()
    endif()
  endforeach()
endfunction()

# Makes the target from a folder alone.
function(_azimuth_torch_target folder)
  foreach(library IN ITEMS torch_cpu c10)
    unset(${library})
    find_library(${library} ${library} PATHS "${folder}/lib" "${folder}/lib/${CMAKE_LIBRARY_ARCHITECTURE}"
      NO_DEFAULT_PATH NO_CACHE)
    if(NOT ${library})
      return()
    endif()
  endforeach()
  add_library(AzimuthLibTorch::torch INTERFACE IMPORTED GLOBAL)
  target_include_directories(AzimuthLibTorch::torch SYSTEM INTERFACE
    "${folder}/include" "${folder}/include/torch/csrc/api/include")
  # Operators register themselves as the library is loaded, so it must be loaded even where the linker sees no use.
  target_link_libraries(AzimuthLibTorch::torch INTERFACE
    "-Wl,--push-state,--no-as-needed" "${torch_cpu}" "${c10}" "-Wl,--pop-state")
  target_compile_features(AzimuthLibTorch::torch INTERFACE cxx_std_20)

  # The wheel's libraries need CUDA's run time, also without a GPU; it lies beside the wheel.
  cmake_path(GET folder PARENT_PATH beside)
  file(GLOB runtimes "${beside}/nvidia/cu*/lib")
  foreach(directory IN LISTS runtimes)
    target_link_options(AzimuthLibTorch::torch INTERFACE "LINKER:-rpath,${directory}" "LINKER:-rpath-link,${directory}")
  endforeach()
  if(NOT folder STREQUAL "/usr")
    target_link_options(AzimuthLibTorch::torch INTERFACE "LINKER:-rpath,${folder}/lib")
  endif()

  # Archives of LibTorch 2.6 and older come in two kinds; the package config says which.
  file(GLOB config "${folder}/share/cmake/Torch/TorchConfig.cmake")
  if(config)
    file(STRINGS "${config}" abi REGEX "_GLIBCXX_USE_CXX11_ABI=0")
    if(abi)
      target_compile_definitions(AzimuthLibTorch::torch INTERFACE _GLIBCXX_USE_CXX11_ABI=0)
    endif()
  endif()
endfunction()

function(_azimuth_torch_version folder result)
  set(version "")
  foreach(header IN ITEMS torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
    if(EXISTS "${folder}/include/${header}" AND NOT version)
      file(STRINGS "${folder}/include/${header}" lines REGEX "^#define TORCH_VERSION_(MAJOR|MINOR|PATCH) [0-9]+")
      list(TRANSFORM lines REPLACE ".* ([0-9]+)$" "\\1" OUTPUT_VARIABLE version)
    endif()
  endforeach()
  list(JOIN version "." version)
  set(${result} "${version}" PARENT_SCOPE)
endfunction()

if(NOT TARGET AzimuthLibTorch::torch)
  set(AzimuthLibTorch_ROOT "")
  set(_azimuth_prefixes ${CMAKE_PREFIX_PATH})
  if(DEFINED ENV{CMAKE_PREFIX_PATH})
    cmake_path(CONVERT "$ENV{CMAKE_PREFIX_PATH}" TO_CMAKE_PATH_LIST _azimuth_environment)
    list(APPEND _azimuth_prefixes ${_azimuth_environment})
  endif()
  unset(_azimuth_config)
  if(Torch_DIR)
    set(_azimuth_config "${Torch_DIR}")
  elseif(_azimuth_prefixes)
    find_path(_azimuth_config TorchConfig.cmake PATHS ${_azimuth_prefixes} NO_DEFAULT_PATH NO_CACHE
      PATH_SUFFIXES share/cmake/Torch torch/share/cmake/Torch lib/cmake/Torch lib/${CMAKE_LIBRARY_ARCHITECTURE}/cmake/Torch)
  endif()

  set(_azimuth_found_by_config FALSE)
  if(TARGET torch)
    set(_azimuth_found_by_config TRUE)
  elseif(_azimuth_config)
    # .../share/cmake/Torch, .../lib/cmake/Torch or .../lib/ARCHITECTURE/cmake/Torch
    string(REGEX REPLACE "/(share|lib|lib/[^/]+)/cmake/Torch/?$" "" AzimuthLibTorch_ROOT "${_azimuth_config}")
    _azimuth_torch_config_works("${_azimuth_config}" "${AzimuthLibTorch_ROOT}" _azimuth_found_by_config)
    if(_azimuth_found_by_config)
      # The config looks for its second half, Caffe2, in all prefixes: it must not take that of another LibTorch.
      set(_azimuth_prefix_path "${CMAKE_PREFIX_PATH}")
      list(PREPEND CMAKE_PREFIX_PATH "${AzimuthLibTorch_ROOT}")
      set(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL TRUE)
      find_package(Torch REQUIRED CONFIG PATHS "${_azimuth_config}" NO_DEFAULT_PATH)
      unset(CMAKE_FIND_PACKAGE_TARGETS_GLOBAL)
      set(CMAKE_PREFIX_PATH "${_azimuth_prefix_path}")
    endif()
  elseif(AZIMUTH_LIBTORCH)
    set(AzimuthLibTorch_ROOT "${AZIMUTH_LIBTORCH}")
  else()
    set(AzimuthLibTorch_ROOT "/usr")
  endif()

  if(_azimuth_found_by_config)
    add_library(AzimuthLibTorch::torch INTERFACE IMPORTED GLOBAL)
    if(TORCH_LIBRARIES)
      target_link_libraries(AzimuthLibTorch::torch INTERFACE ${TORCH_LIBRARIES})
    else()
      target_link_libraries(AzimuthLibTorch::torch INTERFACE torch)
    endif()
    set(AzimuthLibTorch_VERSION "${Torch_VERSION}")
  else()
    _azimuth_torch_folder("${AzimuthLibTorch_ROOT}" _azimuth_folder)
    if(_azimuth_folder)
      _azimuth_torch_target("${_azimuth_folder}")
      _azimuth_torch_version("${_azimuth_folder}" AzimuthLibTorch_VERSION)
    endif()
  endif()
endif()

include(FindPackageHandleStandardArgs)
if(TARGET AzimuthLibTorch::torch)
  set(AzimuthLibTorch_TARGET AzimuthLibTorch::torch)
endif()
find_package_handle_standard_args(AzimuthLibTorch
  REQUIRED_VARS AzimuthLibTorch_TARGET
  VERSION_VAR AzimuthLibTorch_VERSION
  REASON_FAILURE_MESSAGE "No LibTorch in '${AzimuthLibTorch_ROOT}'. Set AZIMUTH_LIBTORCH to where the PyPI wheel torch or an archive of LibTorch is unpacked, or install libtorch-dev.")
