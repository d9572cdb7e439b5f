// The trainer: a process that trains what its agent assigns, or one assignment alone.
//
//   start      -> ready
//   assign     -> epoch, (acknowledge), epoch, ... evaluation ..., end, waits for the end's acknowledge (epoch 0), next assign
//   assign, with a pack of more than one run: further ones are taken while it is at work (worker/trainer/pack_server.h), each with messages
//   of its own drain      -> after the running epoch: checkpoint, epoch, waits for its acknowledge, end (drained) exit, or the socket
//   closed: the process leaves
// In a group member 0 tells epochs and evaluations; every member tells its end.
#pragma once

#include "worker/messages/agent_link.h"
#include "worker/trainer/attempt.h"

#include <c10/core/Device.h>

#include <functional>
#include <iosfwd>
#include <memory>

namespace stdualx {

/// Where an assignment's data come from: open_run_data (worker/trainer/run_data.h), or what a test gives.
using OpenData = std::function<std::shared_ptr<const AttemptData>(const Assignment&)>;

/// Serves the agent until it says exit or is gone. `build` is told with the place.
void serve(AgentLink& link, at::Device device, const OpenData& open_data, const BuildId& build = {});

/// Runs one assignment without agents and writes each report to `out` as a line of JSON with its "type" (epoch, evaluation, end).
/// A store_directory of "" keeps no files. `threads` above 0 replaces the run's. Throws InputError for a group of several.
AttemptEnd run_alone(Assignment assignment, std::int64_t threads, at::Device device, const OpenData& open_data, std::ostream& out);

} // namespace stdualx
