// When a step is run, captured and replayed. See the header; CUDA is in step_graph_cuda.cpp.
#include "worker/training/step_graph.h"

#include "experiments/spec/errors.h"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>

namespace stdualx {

bool graphs_wanted() {
  const char* const value = std::getenv("STDUALX_GRAPHS");
  const std::string word = value == nullptr ? "" : value;
  if (!word.empty() && word != "0" && word != "1") throw InputError("STDUALX_GRAPHS: expected 0 or 1, found '" + word + "'");
  return word == "1";
}

void StepGraph::run(const std::function<void()>& body) {
  if (!device_) return body();
  if (steps_ < warm_steps) {
    ++steps_;
    return device_->run(body);
  }
  if (steps_ == warm_steps) {
    try {
      device_->capture(body);
    } catch (const std::exception& failure) {
      static bool said = false;
      if (!said)
        std::fprintf(
            stderr,
            "stdualx-trainer: a training step could not be captured as a CUDA graph; its operations are launched one by one, which "
            "is slower and gives the same numbers (STDUALX_GRAPHS=1 asked for it): %s\n",
            failure.what());
      said = true;
      device_.reset();
      return body();
    }
    ++steps_;
  }
  device_->replay();
}

#ifndef STDUALX_WITH_CUDA
std::unique_ptr<GraphDevice> make_graph_device(c10::Device) {
  graphs_wanted(); // a wrong word is told everywhere
  return nullptr;
}
#endif

} // namespace stdualx
