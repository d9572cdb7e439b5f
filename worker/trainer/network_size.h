// How large the files of a network are, before any is written.
#pragma once

#include "worker/messages/network_size.h"

namespace stdualx {

/// Builds the network and counts. InputError as make_network.
NetworkSize network_size(const NetworkAsked& asked);

} // namespace stdualx
