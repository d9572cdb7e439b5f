# libtorch as imported targets: torch::cpu, and torch::cuda where nvcc is.
#
# The wheel's own Caffe2Config.cmake cannot configure without nvcc, so the headers and libraries are named here. A site's
# own libtorch is taken through CMAKE_PREFIX_PATH; otherwise the wheel in .venv (cluster/bootstrap.sh).

file(GLOB stdualx_wheel_torch "${CMAKE_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch")
find_path(STDUALX_TORCH_INCLUDE torch/csrc/api/include/torch/torch.h PATH_SUFFIXES include PATHS ${stdualx_wheel_torch} NO_CMAKE_SYSTEM_PATH)
find_library(STDUALX_TORCH_CPU torch_cpu PATH_SUFFIXES lib PATHS ${stdualx_wheel_torch} NO_CMAKE_SYSTEM_PATH)
if(NOT STDUALX_TORCH_INCLUDE OR NOT STDUALX_TORCH_CPU)
  message(FATAL_ERROR "libtorch was not found: run cluster/bootstrap.sh, or name a libtorch 2.11 with -DCMAKE_PREFIX_PATH=DIR")
endif()
get_filename_component(STDUALX_TORCH_LIB "${STDUALX_TORCH_CPU}" DIRECTORY)
file(GLOB stdualx_wheel_nvidia "${STDUALX_TORCH_LIB}/../../nvidia/*/lib")

add_library(torch::cpu INTERFACE IMPORTED)
target_include_directories(torch::cpu SYSTEM INTERFACE "${STDUALX_TORCH_INCLUDE}" "${STDUALX_TORCH_INCLUDE}/torch/csrc/api/include")
target_compile_definitions(torch::cpu INTERFACE _GLIBCXX_USE_CXX11_ABI=1)
target_link_libraries(torch::cpu INTERFACE "${STDUALX_TORCH_CPU}" "${STDUALX_TORCH_LIB}/libc10.so")
# The wheel's CUDA-side libraries are found by the loader through the wheel's own RPATH, not by the linker.
target_link_options(torch::cpu INTERFACE -Wl,--allow-shlib-undefined)

# The OpenMP that torch itself runs on: a wheel brings one of its own, and a process must not have two.
add_library(torch::openmp INTERFACE IMPORTED)
file(GLOB stdualx_torch_openmp "${STDUALX_TORCH_LIB}/libgomp*.so*")
if(stdualx_torch_openmp)
  list(GET stdualx_torch_openmp 0 stdualx_torch_openmp)
else()
  set(stdualx_torch_openmp gomp)
endif()
target_link_libraries(torch::openmp INTERFACE "${stdualx_torch_openmp}")

set(STDUALX_WITH_CUDA OFF)
if(NOT STDUALX_CUDA STREQUAL "OFF")
  find_program(STDUALX_NVCC nvcc HINTS ENV CUDA_HOME PATH_SUFFIXES bin)
  file(GLOB stdualx_wheel_cudnn "${STDUALX_TORCH_LIB}/../../nvidia/cudnn/lib/libcudnn.so*")
  find_path(STDUALX_NCCL_INCLUDE nccl.h HINTS ENV CUDA_HOME PATH_SUFFIXES include PATHS "${STDUALX_TORCH_LIB}/../../nvidia/nccl/include")
  if(STDUALX_NVCC AND STDUALX_NCCL_INCLUDE AND EXISTS "${STDUALX_TORCH_LIB}/libtorch_cuda.so")
    set(STDUALX_WITH_CUDA ON)
  elseif(STDUALX_CUDA STREQUAL "ON")
    message(FATAL_ERROR "STDUALX_CUDA=ON needs nvcc (found: ${STDUALX_NVCC}), nccl.h (found: ${STDUALX_NCCL_INCLUDE}) and libtorch_cuda.so in ${STDUALX_TORCH_LIB}")
  endif()
endif()

if(STDUALX_WITH_CUDA)
  set(CMAKE_CUDA_COMPILER "${STDUALX_NVCC}")
  # 8.0 and 9.0: A100, H100 and H200. No device is needed to compile.
  set(CMAKE_CUDA_ARCHITECTURES 80 90)
  enable_language(CUDA)
  find_package(CUDAToolkit REQUIRED)
  add_library(torch::cuda INTERFACE IMPORTED)
  target_link_libraries(torch::cuda INTERFACE torch::cpu "${STDUALX_TORCH_LIB}/libc10_cuda.so" "${STDUALX_TORCH_LIB}/libtorch_cuda.so" CUDA::cudart)
  find_library(STDUALX_NCCL_LIBRARY NAMES nccl libnccl.so.2 HINTS ENV CUDA_HOME PATH_SUFFIXES lib64 lib PATHS ${stdualx_wheel_nvidia})
  add_library(nccl::nccl INTERFACE IMPORTED)
  target_include_directories(nccl::nccl SYSTEM INTERFACE "${STDUALX_NCCL_INCLUDE}")
  target_link_libraries(nccl::nccl INTERFACE "${STDUALX_NCCL_LIBRARY}" CUDA::cudart)
endif()
message(STATUS "libtorch: ${STDUALX_TORCH_LIB}; CUDA and NCCL parts: ${STDUALX_WITH_CUDA}")

# stdualx_install_torch(<target>): puts libtorch, with the NVIDIA libraries it needs, beside the installed <target>, so that the
# tree can be moved or sent to another host. The wheels' folders keep their places to each other, which their RPATHs rely on.
# A site's own libtorch (STDUALX_BUNDLE_TORCH=OFF) stays where it is, and the installed program looks there.
set(stdualx_bundle ON)
if(NOT stdualx_wheel_torch OR NOT STDUALX_TORCH_LIB STREQUAL "${stdualx_wheel_torch}/lib")
  set(stdualx_bundle OFF)
endif()
option(STDUALX_BUNDLE_TORCH "cmake --install copies libtorch into the tree" ${stdualx_bundle})
function(stdualx_install_torch target)
  if(NOT STDUALX_BUNDLE_TORCH)
    set_target_properties(${target} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
    return()
  endif()
  set(home lib/stdualx)
  get_filename_component(nvidia "${STDUALX_TORCH_LIB}/../../nvidia" ABSOLUTE)
  if(STDUALX_WITH_CUDA)
    install(DIRECTORY "${STDUALX_TORCH_LIB}/" DESTINATION ${home}/torch/lib FILES_MATCHING PATTERN "*.so*" PATTERN "*python*" EXCLUDE PATTERN "libshm*" EXCLUDE)
    install(DIRECTORY "${nvidia}/" DESTINATION ${home}/nvidia FILES_MATCHING PATTERN "*.so*")
  else()
    install(FILES "${STDUALX_TORCH_LIB}/libtorch_cpu.so" "${STDUALX_TORCH_LIB}/libc10.so" "${STDUALX_TORCH_LIB}/libgomp.so.1" DESTINATION ${home}/torch/lib)
    # libtorch_cpu.so needs these two even where there is no GPU.
    install(DIRECTORY "${nvidia}/" DESTINATION ${home}/nvidia FILES_MATCHING PATTERN "libcudart.so*" PATTERN "libcupti.so*")
  endif()
  set_target_properties(${target} PROPERTIES
    INSTALL_RPATH "$ORIGIN/../${home}/torch/lib;$ORIGIN/../${home}/nvidia/cu13/lib;$ORIGIN/../${home}/nvidia/nccl/lib")
endfunction()
