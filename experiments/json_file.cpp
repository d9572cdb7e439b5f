// A SAX handler that builds the document and notes where each part stands.
#include "experiments/json_file.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>

namespace stdualx {

namespace {

constexpr std::uintmax_t largest_file = 64u << 20; // bytes; a person writes kilobytes, so more is the wrong file
constexpr std::size_t deepest = 64;                // open brackets; a sweep needs six

/// Characters for the parser, which tell the handler how far it has read.
class CountingIterator {
public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CountingIterator(const char* at, const char** last_read) : at_(at), last_read_(last_read) {}
  reference operator*() const { return *at_; }
  CountingIterator& operator++() {
    *last_read_ = at_++;
    return *this;
  }
  CountingIterator operator++(int) {
    CountingIterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
  bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

private:
  const char* at_;
  const char** last_read_;
};

class Builder {
public:
  Builder(std::string_view text, JsonFile& result) : text_(text), counted_(text.data()), last_read_(text.data()), result_(result) {}

  CountingIterator begin() { return {text_.data(), &last_read_}; }
  CountingIterator end() { return {text_.data() + text_.size(), &last_read_}; }

  // What nlohmann::json::sax_parse calls.
  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(std::int64_t value) { return add(value); }
  bool number_unsigned(std::uint64_t value) { return add(value); }
  bool number_float(double value, const std::string&) { return add(value); }
  bool string(std::string& value) { return add(std::move(value)); }
  bool binary(Json::binary_t&) { return false; } // not in JSON text
  bool start_object(std::size_t) { return open(Json::object()); }
  bool start_array(std::size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool key(std::string& name) {
    Frame& frame = open_.back();
    const std::string pointer = frame.pointer + "/" + name;
    if (frame.container->contains(name))
      throw InputError(result_.source.file + ":" + std::to_string(line()) + ": " + pointer +
                       ": stands twice in one object, first in line " + std::to_string(result_.source.lines.at(pointer)) +
                       "; remove one of them");
    result_.source.lines[pointer] = line();
    frame.key = std::move(name);
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& error) {
    // The parser's message starts with its own code and place, which we say ourselves.
    std::string what = error.what();
    if (const auto place = what.find(", column "); place != std::string::npos) what = what.substr(what.find(": ", place) + 2);
    else what = what.substr(what.find("] ") + 2);

    std::size_t fault = std::min(position, text_.size());
    if (fault > 0) --fault;
    const char culprit = fault < text_.size() ? text_[fault] : '\0';
    if (culprit == '}' || culprit == ']') {
      const auto before = fault == 0 ? std::string_view::npos : text_.find_last_not_of(" \t\r\n", fault - 1);
      if (before != std::string_view::npos && text_[before] == ',') {
        fault = before;
        what = "a comma after the last item; JSON allows none";
      }
    } else if (culprit == '/' || culprit == '#') {
      what = "JSON has no comments; a sweep file has \"description\" for them";
    }
    const auto line_number = 1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(fault), '\n');
    throw InputError(result_.source.file + ":" + std::to_string(line_number) + ": not JSON: " + what);
  }

private:
  struct Frame {
    Json* container; // stays where it is: its parent does not grow while it is open
    std::string pointer;
    std::string key;
  };

  /// The line of the token just read. The parser reads one character beyond a number, and no token ends with a line's end:
  /// so the last character is left out.
  std::int64_t line() {
    line_ += std::count(counted_, last_read_, '\n');
    counted_ = last_read_;
    return line_;
  }

  Json& place(Json value) {
    if (open_.empty()) {
      result_.source.lines[""] = line();
      return result_.value = std::move(value);
    }
    Frame& frame = open_.back();
    if (frame.container->is_object()) return (*frame.container)[frame.key] = std::move(value);
    result_.source.lines[pointer_of_next()] = line();
    frame.container->push_back(std::move(value));
    return frame.container->back();
  }
  std::string pointer_of_next() const {
    if (open_.empty()) return "";
    const Frame& frame = open_.back();
    return frame.pointer + "/" + (frame.container->is_object() ? frame.key : std::to_string(frame.container->size()));
  }
  bool add(Json value) {
    place(std::move(value));
    return true;
  }
  bool open(Json value) {
    if (open_.size() == deepest)
      throw InputError(result_.source.file + ":" + std::to_string(line()) + ": more than " + std::to_string(deepest) + " open brackets");
    std::string pointer = pointer_of_next();
    Json& container = place(std::move(value));
    open_.push_back({&container, std::move(pointer), ""});
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }

  std::string_view text_;
  const char* counted_;   // lines are counted up to here
  const char* last_read_; // the character that the parser read last
  std::int64_t line_ = 1;
  JsonFile& result_;
  std::vector<Frame> open_;
};

Json with_whole_numbers(const Json& value) {
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (number == std::floor(number) && std::abs(number) <= 9007199254740992.0) return static_cast<std::int64_t>(number);
    return value;
  }
  if (!value.is_structured()) return value;
  Json result = value;
  for (auto& item : result) item = with_whole_numbers(item);
  return result;
}

} // namespace

std::string JsonSource::place(const std::string& pointer) const {
  std::string part = pointer == "/" ? "" : pointer;
  while (true) {
    if (const auto found = overrides.find(part); found != overrides.end()) return "--set " + found->second;
    if (const auto found = lines.find(part); found != lines.end()) return file + ":" + std::to_string(found->second);
    if (part.empty()) return file;
    const auto slash = part.rfind('/');
    part = slash == std::string::npos ? "" : part.substr(0, slash);
  }
}

void JsonSource::fail(const std::string& pointer, const std::string& what) const {
  throw InputError(place(pointer) + ": " + (pointer.empty() ? "/" : pointer) + ": " + what);
}

void JsonSource::fail(const InputError& error) const {
  const std::string message = error.what();
  throw InputError(place(message.substr(0, message.find(": "))) + ": " + message);
}

JsonFile read_json_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) throw InputError(path.string() + ": no such file; check the path");
  if (std::filesystem::is_directory(status)) throw InputError(path.string() + ": is a folder; name a JSON file in it");
  std::ifstream stream(path, std::ios::binary);
  if (!stream) throw InputError(path.string() + ": cannot be read; check its permissions");
  std::string text;
  char block[1 << 16];
  while (stream.read(block, sizeof block), stream.gcount() > 0) {
    text.append(block, static_cast<std::size_t>(stream.gcount()));
    if (text.size() > largest_file) throw InputError(path.string() + ": larger than 64 MiB, so hardly a file that a person wrote");
  }
  if (stream.bad()) throw InputError(path.string() + ": reading it failed");
  return parse_json(text, path.string());
}

JsonFile parse_json(std::string_view text, const std::string& name) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) throw InputError(name + ": is empty; expected a JSON document");
  JsonFile result;
  result.source.file = name;
  Builder builder(text, result);
  Json::sax_parse(builder.begin(), builder.end(), &builder);
  return result;
}

std::string canonical_json(const Json& value) { return with_whole_numbers(value).dump(); }

} // namespace stdualx
