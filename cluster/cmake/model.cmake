# model/: the network. All of torch that is not training.
stdualx_library(stdualx_model FOLDER model
  SOURCES attention.cpp batch_group.cpp batch_norm.cpp cross_sensor_attention.cpp dropout.cpp head.cpp initialisation.cpp kernels.cpp layer_norm.cpp
          linear.cpp loss.cpp network.cpp
          position.cpp sensor_vector.cpp stdat.cpp stdual_x.cpp stem.cpp weights.cpp kernels/cpu/dropout.cpp
          baselines/baseline.cpp baselines/bi_lstm.cpp baselines/cnn.cpp baselines/deep_conv_lstm.cpp baselines/layers.cpp
          baselines/linear.cpp baselines/transformer.cpp baselines/window_features.cpp
  LINKS stdualx_spec torch::cpu)
target_precompile_headers(stdualx_model PRIVATE "${CMAKE_SOURCE_DIR}/model/torch_pch.h")

# The kernels see no torch; -O3 is what vectorises their loops.
set_source_files_properties("${CMAKE_SOURCE_DIR}/model/kernels/cpu/dropout.cpp" PROPERTIES SKIP_PRECOMPILE_HEADERS ON COMPILE_OPTIONS -O3)

# The fused layers: float32 on cores. Their kernels see no torch; Highway has the loops for each instruction set, LIBXSMM the products.
if(STDUALX_WITH_FUSED)
  stdualx_library(stdualx_kernels FOLDER model
    SOURCES fused/attention_kernel.cpp fused/loss_kernel.cpp fused/matrix_product.cpp fused/stdat_kernel.cpp fused/stem_kernel.cpp fused/vector_kernel.cpp fused/vector_loops.cpp
    PRIVATE_LINKS library::highway library::xsmm)
  set_source_files_properties("${CMAKE_SOURCE_DIR}/model/fused/loss_kernel.cpp" "${CMAKE_SOURCE_DIR}/model/fused/vector_loops.cpp" PROPERTIES COMPILE_OPTIONS -O3)
  # Forward alone, of weights in a file.
  stdualx_library(stdualx_inference FOLDER model SOURCES inference/inference.cpp inference/linear.cpp LINKS stdualx_spec PRIVATE_LINKS stdualx_kernels)
  set_source_files_properties("${CMAKE_SOURCE_DIR}/model/inference/inference.cpp" PROPERTIES COMPILE_OPTIONS -O3)
  set(fused_layers fused_layer.cpp loss_fused.cpp stdat_fused.cpp stem_fused.cpp vector_fused.cpp)
  # at::parallel_for is a plain loop without OpenMP; the library behind it is torch's own.
  set_source_files_properties("${CMAKE_SOURCE_DIR}/model/fused/fused_layer.cpp" PROPERTIES SKIP_PRECOMPILE_HEADERS ON COMPILE_OPTIONS -fopenmp)
  target_link_libraries(stdualx_model PRIVATE stdualx_kernels torch::openmp)
else()
  set(fused_layers absent.cpp)
endif()
list(TRANSFORM fused_layers PREPEND "${CMAKE_SOURCE_DIR}/model/fused/")
target_sources(stdualx_model PRIVATE ${fused_layers})

if(STDUALX_WITH_CUDA)
  target_sources(stdualx_model PRIVATE "${CMAKE_SOURCE_DIR}/model/kernels/cuda/dropout.cu")
  # Philox is constexpr, and so serves the device too.
  target_compile_options(stdualx_model PRIVATE $<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr>)
  target_compile_definitions(stdualx_model PRIVATE STDUALX_WITH_CUDA)
  target_link_libraries(stdualx_model PUBLIC torch::cuda)
endif()

stdualx_tests(model SOURCES reference.cpp baseline_test.cpp dropout_test.cpp fused_test.cpp group_test.cpp loss_test.cpp network_test.cpp reference_test.cpp weights_test.cpp LINKS stdualx_model)
if(STDUALX_TESTS)
  target_precompile_headers(model_tests PRIVATE "${CMAKE_SOURCE_DIR}/model/torch_pch.h" <gtest/gtest.h>)
  # libtorch_cuda registers its kernels when it is loaded, and takes long to load: these tests alone do.
  stdualx_tests(model_gpu FOLDER model SOURCES gpu_test.cpp reference.cpp LINKS stdualx_model)
  target_link_options(model_gpu_tests PRIVATE -Wl,--no-as-needed)
  target_precompile_headers(model_gpu_tests REUSE_FROM model_tests)
  # The fused layers under each instruction set that they have; skipped where the processor lacks it.
  foreach(instruction_set sse4 avx2 avx512)
    add_test(NAME model.fused_layers_${instruction_set} COMMAND model_tests --gtest_filter=FusedLayers.*)
    set_tests_properties(model.fused_layers_${instruction_set} PROPERTIES ENVIRONMENT STDUALX_ISA=${instruction_set} TIMEOUT 300 LABELS model)
  endforeach()
endif()

if(STDUALX_TESTS AND STDUALX_WITH_FUSED AND NOT CMAKE_CXX_FLAGS MATCHES "fsanitize") # Python loads the modules, without the sanitizer
  add_library(fused_probe MODULE "${CMAKE_SOURCE_DIR}/tests/model/fused_probe.cpp")
  target_link_libraries(fused_probe PRIVATE stdualx_options stdualx_kernels)
  stdualx_reference_test(model.fused_reference model fused_layers.py fused_probe)
  add_library(inference_probe MODULE "${CMAKE_SOURCE_DIR}/tests/model/inference_probe.cpp")
  target_link_libraries(inference_probe PRIVATE stdualx_options stdualx_inference stdualx_kernels)
  stdualx_reference_test(model.inference_reference model inference.py inference_probe)
endif()
