// Precompiled for every file of the model that works on tensors: a header, not an interface. Reading it takes 10 s a file otherwise.
#pragma once

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include <nlohmann/json.hpp>
