// Where a trainer computes: the device, and the numeric platform on which equal bits are promised.
#pragma once

#include <c10/core/Device.h>

#include <string>

namespace stdualx {

/// cuda:0 where this build has CUDA and a GPU is visible (the agent narrows CUDA_VISIBLE_DEVICES to one), else the CPU.
at::Device training_device();

/// "cpu", or the GPU's name and UUID.
std::string device_text(at::Device device);

/// Device model, instruction set in use, library versions: what must be equal, beside what a run's identity already holds
/// (threads, group size), for equal bits. "cpu Intel(R) Xeon(R) ... (6/143/8), AVX512, torch 2.11.0, MKL 2024.2.2, glibc 2.36".
std::string numeric_platform(at::Device device);

/// Makes CUDA choose deterministic kernels; call before the first tensor. Nothing to do on a CPU.
void make_deterministic(at::Device device);

} // namespace stdualx
