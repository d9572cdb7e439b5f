// One run: all that decides its numbers, its labels, and its identity.
#pragma once

#include <span>
#include <string_view>

#include "experiments/spec/fields.h"
#include "experiments/spec/model_config.h"
#include "experiments/spec/training_config.h"

namespace stdualx {

/// Raised by whoever changes what a run computes; the pinned state hash in tests/worker notices when it was forgotten.
inline constexpr std::int64_t training_code_version = 2;

/// How recordings are cut. 0 means "as the data set's catalogue entry says"; a planned run never holds 0, but as the rate, whose 0
/// stays (recordings as they are), and the training stride.
struct WindowSpec {
  std::int64_t steps = 0;           // samples of a window
  std::int64_t stride = 0;          // samples from one window's start to the next
  double label_threshold = 0;       // a window is kept when its commonest label covers at least this share
  double rate = 0;                  // samples a second that recordings are brought to before they are cut; steps and stride count these
  bool null_class = false;          // windows without a class make one more class, "null", instead of being dropped
  std::int64_t training_stride = 0; // samples between the starts of training windows; 0, in a planned run too: `stride`
  double seconds = 0;               // of a window, in place of steps; a planned run holds the steps that they are, and 0 here
  double overlap = 0;               // share of a window that the next one repeats, in place of stride; likewise

  static const auto& fields() {
    using W = WindowSpec;
    static const auto all =
        std::make_tuple(number("steps", &W::steps, 0, 0, 1 << 20, "samples of a window; 0: the data set's own"),
                        number("stride", &W::stride, 0, 0, 1 << 20, "samples between window starts; 0: the data set's own"),
                        number("label_threshold", &W::label_threshold, 0.0, 0, 1,
                               "least share of a window that its commonest label must cover; 0: the data set's own"),
                        number("rate", &W::rate, 0.0, 0, 1e6,
                               "samples a second that recordings are brought to by linear interpolation; 0: the data set's own"),
                        field("null_class", &W::null_class, false, "true: windows without a class are a class of their own, null"),
                        number("training_stride", &W::training_stride, 0, 0, 1 << 20,
                               "samples between the starts of training windows; 0: stride, as of validation and test windows"),
                        number("seconds", &W::seconds, 0.0, 0, 1e6, "length of a window in seconds, in place of steps"),
                        number("overlap", &W::overlap, 0.0, 0, 0.99,
                               "share of a window that the next one repeats, in place of stride; beside seconds 0: end to end"));
    return all;
  }
  bool operator==(const WindowSpec&) const = default;
};

/// How people or windows are parted into training, validation and test.
struct ProtocolSpec {
  std::string kind = "leave_persons_out";
  std::int64_t folds = 0;                      // of leave_persons_out and random; planned: of leave_one_..._out too
  std::int64_t split_seed = 0;                 // of drawing folds and validation people
  double validation_share = 0.2;               // of the training people (random: of the training windows), drawn by split_seed
  std::vector<std::int64_t> validation_people; // named instead of drawn
  bool validation = true;                      // false: train on all training people, evaluate the last averaged weights
  bool open_test = true;                       // false: choices are being made, the test part stays closed

  static const auto& fields() {
    using P = ProtocolSpec;
    static const auto all = std::make_tuple(
        choice("kind", &P::kind, "",
               {"official", "challenge", "leave_one_person_out", "leave_one_session_out", "leave_persons_out", "random"},
               "official: the publisher's split of people; challenge: the publisher's split of sessions; leave_one_person_out: a fold a "
               "person; leave_one_session_out: a fold a session, with the same people on both sides; leave_persons_out: k folds of people; "
               "random: k folds of windows, which leak where windows overlap"),
        number("folds", &P::folds, 0, 0, 1000, "k"),
        number("split_seed", &P::split_seed, 0, 0, 9007199254740991.0, "seed of the folds and of the validation part"),
        number("validation_share", &P::validation_share, 0.0, 0, 0.9, "share of the training people (random: windows) kept for validation"),
        field("validation_people", &P::validation_people, {}, "people kept for validation, named instead of drawn"),
        field("validation", &P::validation, true, "false: no validation part, the last averaged weights are evaluated"),
        field("open_test", &P::open_test, true, "false: the test part is not evaluated"));
    return all;
  }
  bool operator==(const ProtocolSpec&) const = default;
};

/// Whether a protocol has one test part, its publisher's, instead of folds.
inline bool is_single_split(std::string_view kind) { return kind == "official" || kind == "challenge"; }

inline constexpr std::int64_t no_fold = -1; // the neutral value

/// `preset`, `variant`, `fold` of a single split and `protocol.open_test` are labels: see without_labels.
struct RunSpec {
  std::string dataset;
  std::string dataset_hash; // over the parsed float32 recordings, labels, people and the sensors' layout
  WindowSpec windows;
  ProtocolSpec protocol;
  std::int64_t fold = 0;
  std::string preset = "default";
  std::string variant = "stdual_x";
  ModelConfig model;
  TrainingConfig training;
  std::int64_t seed = 1;
  std::int64_t world_size = 1; // ranks of the group
  std::int64_t threads = 1;    // intra-op threads of a trainer: part of what must be equal for equal bits
  std::int64_t code_version = training_code_version;

  static const auto& fields() {
    using R = RunSpec;
    static const auto all =
        std::make_tuple(field("dataset", &R::dataset, "", "name in the catalogue, or a manifest's own"),
                        field("dataset_hash", &R::dataset_hash, "", "XXH3-128 over the parsed recordings"),
                        field("windows", &R::windows, {}, "how recordings are cut"),
                        field("protocol", &R::protocol, {}, "how people or windows are parted"),
                        number("fold", &R::fold, no_fold, 0, 100000, "which fold of the protocol"),
                        field("preset", &R::preset, "", "name of the configuration the run started from"),
                        field("variant", &R::variant, "", "name of the ablation or baseline"), field("model", &R::model, {}, "the network"),
                        field("training", &R::training, {}, "the recipe"),
                        number("seed", &R::seed, -1, 0, 9007199254740991.0, "of weights, order, dropout and augmentation"),
                        number("world_size", &R::world_size, 0, 1, 4096, "ranks of the run's group"),
                        number("threads", &R::threads, 0, 1, 1024, "threads of one trainer"),
                        number("code_version", &R::code_version, 0, 1, 1e9, "semantic version of the training code"));
    return all;
  }
  bool operator==(const RunSpec&) const = default;
};

/// The run with its labels at their neutral values: names of preset and variant, the number of a group of validation people, whether the
/// test part is looked at. They decide no number: one run may bear others in each sweep.
RunSpec without_labels(RunSpec spec);
/// SHA-256 (64 lower-case hex digits) of the canonical identity JSON: without labels, sorted keys, neutral fields left out, no white space.
std::string run_identity(const RunSpec& spec);
/// Equal for runs on the same windows in the same folds, whether their test part is open or not.
std::string split_identity(const RunSpec& spec);
/// Equal for runs on the same windows, whatever their folds: 16 hexadecimal digits.
std::string cut_identity(const RunSpec& spec);
/// The text that run_identity hashes.
std::string run_identity_text(const RunSpec& spec);
/// SHA-256 of bytes as 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);
/// Two lower-case hex digits a byte.
std::string hex_text(std::span<const unsigned char> bytes);

} // namespace stdualx
