// A message from another process: any bytes are a message of ours, or a ProtocolError, or a sentence about its fields.
#include "fuzz.h"
#include "worker/messages/messages.h"

using namespace stdualx;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const Message message = decode({data, size});
    const auto as = [&]<class Struct>(const Struct*) {
      fuzz::with_sentences([&] { encode(Message::of(message.type, message.as<Struct>())); });
    };
    as(static_cast<const Assignment*>(nullptr));
    as(static_cast<const EpochReport*>(nullptr));
    as(static_cast<const EvaluationReport*>(nullptr));
    as(static_cast<const AttemptEnd*>(nullptr));
    as(static_cast<const Placement*>(nullptr));
    as(static_cast<const Collective*>(nullptr));
    as(static_cast<const Acknowledge*>(nullptr));
  } catch (const ProtocolError&) {
  }
  return 0;
}
