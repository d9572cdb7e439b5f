// Which GPU a worker gets: the devices that are visible, by CUDA_VISIBLE_DEVICES or all of the host, and the worker's place on its host.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace stdualx {

/// A list of devices as CUDA_VISIBLE_DEVICES spells it: "2,3", "GPU-8932f937-...", "MIG-...", or nothing.
/// Nothing set: std::nullopt, all of the host. Set to "", "-1" or what Slurm writes into a job without GPUs ("NoDevFiles"): an empty list.
/// Throws InputError for a word that CUDA would not understand (it then hides all devices without a word), and for a device named twice.
std::optional<std::vector<std::string>> visible_devices(const char* value);

/// How many GPUs the host has, by their device files; or, for tests, as many as the list STDUALX_DEVICES=UUID,UUID,... names.
int gpus_of_host();

/// The device of the worker with this place among the workers of its host (from 0), as CUDA_VISIBLE_DEVICES is to name it.
/// `visible`: as above. `on_host`: how many GPUs the host has, where all are visible. `one_a_task`: Slurm started this rank and gave it
/// devices of its own, so that the first of them is meant, whatever its place.
/// Throws InputError, with what to do, where there is none for it.
std::string device_of_worker(const std::optional<std::vector<std::string>>& visible, int on_host, int place, bool one_a_task);

/// GPUs of this host that CUDA_VISIBLE_DEVICES leaves visible; 0 without a driver. Throws InputError where it names what is no device.
int count_gpus();

} // namespace stdualx
