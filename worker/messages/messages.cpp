// Frames over a stream socket; CBOR bodies.
#include "worker/messages/messages.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace stdualx {

namespace {
/// Builds what is read, but gives up where it nests deeper than any message of ours: the library would recurse until the stack ends.
class ShallowReader : public nlohmann::detail::json_sax_dom_parser<Json> {
public:
  explicit ShallowReader(Json& result) : json_sax_dom_parser(result, false) {}
  bool start_object(std::size_t size) { return ++depth_ <= deepest && json_sax_dom_parser::start_object(size); }
  bool start_array(std::size_t size) { return ++depth_ <= deepest && json_sax_dom_parser::start_array(size); }
  bool end_object() { return depth_-- > 0 && json_sax_dom_parser::end_object(); }
  bool end_array() { return depth_-- > 0 && json_sax_dom_parser::end_array(); }

private:
  static constexpr int deepest = 32;
  int depth_ = 0;
};

constexpr std::size_t largest_body = std::size_t{1} << 30; // a length beyond this is a damaged frame
} // namespace

Bytes encode(Message message) {
  message.body["type"] = std::move(message.type);
  return Json::to_cbor(message.body);
}

Message decode(std::span<const std::uint8_t> body) {
  Json json;
  ShallowReader reader(json);
  bool whole = false;
  try {
    whole = Json::sax_parse(body.begin(), body.end(), &reader, Json::input_format_t::cbor);
  } catch (const Json::exception& error) { // told not to throw, it still does of a length that nothing can have
    throw ProtocolError("a message of " + std::to_string(body.size()) + " bytes is damaged: " + error.what());
  }
  if (!whole || !json.is_object() || !json.contains("type") || !json["type"].is_string())
    throw ProtocolError("a message of " + std::to_string(body.size()) + " bytes is damaged: no CBOR object with a type");
  Message message{std::move(json["type"].get_ref<std::string&>()), {}};
  json.erase("type");
  message.body = std::move(json);
  return message;
}

MessageSocket::~MessageSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}
MessageSocket::MessageSocket(MessageSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), buffer_(std::move(other.buffer_)) {}
MessageSocket& MessageSocket::operator=(MessageSocket&& other) noexcept {
  if (this != &other) {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = std::exchange(other.descriptor_, -1);
    buffer_ = std::move(other.buffer_);
  }
  return *this;
}

void MessageSocket::send(const Message& message) {
  const Bytes body = encode(message);
  Bytes frame(4 + body.size());
  const auto length = static_cast<std::uint32_t>(body.size());
  for (int i = 0; i < 4; ++i) frame[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(length >> (8 * i));
  std::memcpy(frame.data() + 4, body.data(), body.size());
  for (std::size_t sent = 0; sent < frame.size();) {
    const ssize_t count = ::send(descriptor_, frame.data() + sent, frame.size() - sent, MSG_NOSIGNAL);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN) {
      pollfd wait{descriptor_, POLLOUT, 0};
      ::poll(&wait, 1, 1000);
    } else if (errno == EPIPE || errno == ECONNRESET) {
      throw PeerGone("the process at the other end of a socket is gone");
    } else if (errno != EINTR) {
      throw std::system_error(errno, std::generic_category(), "sending a '" + message.type + "' message");
    }
  }
}

std::optional<Message> MessageSocket::receive(int timeout_ms) {
  while (true) {
    if (buffer_.size() >= 4) {
      std::size_t length = 0;
      for (int i = 0; i < 4; ++i) length |= std::size_t{buffer_[static_cast<std::size_t>(i)]} << (8 * i);
      if (length > largest_body) throw ProtocolError("a message frame of " + std::to_string(length) + " bytes is damaged");
      if (buffer_.size() >= 4 + length) {
        Message message = decode(std::span(buffer_).subspan(4, length));
        buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(4 + length));
        return message;
      }
    }
    pollfd wait{descriptor_, POLLIN, 0};
    const int ready = ::poll(&wait, 1, timeout_ms);
    if (ready < 0 && errno == EINTR) return std::nullopt;
    if (ready < 0) throw std::system_error(errno, std::generic_category(), "waiting for a message");
    if (ready == 0) return std::nullopt;
    std::uint8_t chunk[65536];
    const ssize_t count = ::recv(descriptor_, chunk, sizeof chunk, 0);
    if (count > 0) buffer_.insert(buffer_.end(), chunk, chunk + count);
    else if (count == 0 || errno == ECONNRESET) throw PeerGone("the process at the other end of a socket is gone");
    else if (errno != EINTR && errno != EAGAIN) throw std::system_error(errno, std::generic_category(), "receiving a message");
  }
}

} // namespace stdualx
