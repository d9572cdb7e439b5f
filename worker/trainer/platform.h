// Where a trainer computes: the device, and the numeric platform on which equal bits are promised.
#pragma once

#include "experiments/spec/reports.h"

#include <c10/core/Device.h>

#include <string>

namespace stdualx {

/// Keeps torch, MKL and oneDNN from instructions beyond those that STDUALX_ISA names: sse4, avx2 or avx512 (which is without AMX);
/// unset: the processor's best. Before anything else of torch. Sets the libraries' own variables, which one that is set already wins over.
/// InputError: another word.
void limit_instruction_set();

/// cuda:0 where this build has CUDA and a GPU is visible (the agent narrows CUDA_VISIBLE_DEVICES to one), else the CPU.
at::Device training_device();

/// "cpu", or the GPU's name and UUID.
std::string device_text(at::Device device);

/// Device model, instruction set in use, library versions, whether fused layers run (model/kernels.h): what must be equal, beside what a
/// run's identity already holds (threads, group size), for equal bits. "cpu Intel(R) Xeon(R) ... (6/143/8), AVX512, torch 2.11.0, MKL
/// 2024.2.2, glibc 2.36".
std::string numeric_platform(at::Device device);

/// This process: host, pid, device, numeric platform, threads.
Placement this_placement(at::Device device);

/// Has the C library keep what is freed, up to 32 MiB a piece: a step frees and asks for the same memory again, and a tenth of its time
/// went into pages that the system had to clear.
void keep_freed_memory();

/// Makes CUDA choose deterministic kernels that compute float32 as float32; call before the first tensor. Nothing to do on a CPU.
void make_deterministic(at::Device device);

} // namespace stdualx
