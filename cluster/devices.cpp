// See devices.h.
#include "cluster/devices.h"

#include "cluster/words.h"
#include "experiments/spec/errors.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace stdualx {

namespace {

bool is_index(const std::string& word) {
  return !word.empty() && word.size() <= 4 && word.find_first_not_of("0123456789") == std::string::npos;
}

/// A UUID may be cut short; a MIG device is MIG-UUID, or in older drivers MIG-GPU-UUID/INSTANCE/INSTANCE.
bool is_uuid(const std::string& word) {
  for (const std::string prefix : {"GPU-", "MIG-"})
    if (word.starts_with(prefix) && word.size() > prefix.size())
      return word.find_first_not_of("0123456789abcdefABCDEFGPU-/", prefix.size()) == std::string::npos;
  return false;
}

} // namespace

std::optional<std::vector<std::string>> visible_devices(const char* value) {
  if (value == nullptr) return std::nullopt;
  std::vector<std::string> devices;
  const std::string text = trimmed(value);
  if (text.empty() || text == "NoDevFiles") return devices;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, ',');) {
    word = trimmed(word);
    if (word == "-1") return devices; // what follows is hidden, says CUDA's manual
    if (!is_index(word) && !is_uuid(word))
      throw InputError(fmt::format("CUDA_VISIBLE_DEVICES={}: '{}' is no device; expected numbers (0,1), or UUIDs as `nvidia-smi -L` writes "
                                   "them (GPU-..., MIG-...)",
                                   text, word));
    if (std::find(devices.begin(), devices.end(), word) != devices.end())
      throw InputError(fmt::format("CUDA_VISIBLE_DEVICES={} names '{}' twice; name each GPU once", text, word));
    devices.push_back(word);
  }
  return devices;
}

int gpus_of_host() {
  if (const char* fake = std::getenv("STDUALX_DEVICES")) {
    const std::string list = fake;
    return list.empty() ? 0 : static_cast<int>(std::count(list.begin(), list.end(), ',')) + 1;
  }
  int count = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/dev", error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("nvidia") && name.size() > 6 && name.find_first_not_of("0123456789", 6) == std::string::npos) ++count;
  }
  return count;
}

int count_gpus() {
  const auto visible = visible_devices(std::getenv("CUDA_VISIBLE_DEVICES"));
  const int on_host = gpus_of_host();
  return visible && on_host > 0 ? static_cast<int>(visible->size()) : on_host;
}

std::string device_of_worker(const std::optional<std::vector<std::string>>& visible, int on_host, int place, bool one_a_task) {
  const int count = visible ? static_cast<int>(visible->size()) : on_host;
  if (one_a_task && visible && !visible->empty()) return visible->front();
  if (place < count) return visible ? visible->at(static_cast<std::size_t>(place)) : std::to_string(place);
  const std::string worker = "worker " + std::to_string(place + 1) + " of this host gets no GPU: ";
  if (visible && visible->empty()) throw InputError(worker + "CUDA_VISIBLE_DEVICES hides them all; unset it, or ask Slurm for GPUs");
  throw InputError(worker + (visible ? "CUDA_VISIBLE_DEVICES names " : "the host has ") + std::to_string(count) +
                   "; give --workers at most as many, or hide GPUs (CUDA_VISIBLE_DEVICES=) to train on cores");
}

} // namespace stdualx
