// A run's identity: pinned for ever, blind to neutral values, awake to changed defaults.
#include "experiments/spec/run_spec.h"

#include <gtest/gtest.h>

namespace stdualx {
namespace {

RunSpec example() {
  RunSpec spec;
  spec.dataset = "uci_har";
  spec.dataset_hash = "0123456789abcdef0123456789abcdef";
  spec.windows = {128, 64, 0.5};
  spec.protocol.kind = "official";
  spec.code_version = 1; // when they were pinned
  return spec;
}

TEST(Identity, FiveIdentitiesArePinnedForEver) {
  RunSpec spec = example();
  EXPECT_EQ(run_identity(spec), "db9eb4c1e1ef6ff6fdfad8000d05405ff36c8df0a366015de5c388f9b920cb9d");
  spec.variant = "without_csa";
  spec.model.cross_sensor_attention = false;
  EXPECT_EQ(run_identity(spec), "d62dda6ddce8b6c6e7b51ae6c4d26555dc1200441650d5533035ed82477823ee");
  spec.seed = 2;
  EXPECT_EQ(run_identity(spec), "54147a5efc9fd93206decb3ec82163fe13967a1b31e6c8e6e0c12c01bc7a7d82");
  spec.world_size = 2;
  spec.training.triplet_weight = 0;
  EXPECT_EQ(run_identity(spec), "51c37486e9a80a26fc908dfc5db2371b23c1af5b4ec5a3d566fba23a5e801e7c");
  spec.protocol.validation_people = {3, 15, 19, 22, 30};
  spec.training.augmentation.rotation_degrees = 0;
  EXPECT_EQ(run_identity(spec), "21d599ef41fdcaa976f93aecaca4d9cca30f6e537161266a73ca13d879a31b22");
}

TEST(Identity, LabelsDecideNoNumberAndAreNoPartOfIt) {
  RunSpec spec = example(), labelled = example();
  labelled.preset = "faithful";
  labelled.variant = "my_name";
  labelled.protocol.open_test = false;
  labelled.fold = 3; // the number of a group of validation people, who are named
  EXPECT_EQ(run_identity(labelled), run_identity(spec));
  spec.protocol.kind = labelled.protocol.kind = "leave_persons_out";
  spec.protocol.folds = labelled.protocol.folds = 5;
  EXPECT_NE(run_identity(labelled), run_identity(spec)) << "here the fold says who is tested";
  labelled.fold = spec.fold;
  EXPECT_EQ(run_identity(labelled), run_identity(spec));
}

TEST(Identity, FieldsAtTheirNeutralValueAreLeftOut) {
  RunSpec spec = example();
  const Json text = Json::parse(run_identity_text(spec));
  EXPECT_FALSE(text["model"].contains("convolution")) << "true is the neutral value: nothing was taken away";
  EXPECT_FALSE(text["protocol"].contains("validation_people"));
  EXPECT_FALSE(text["windows"].contains("training_stride"));
  EXPECT_FALSE(text["training"]["augmentation"].contains("shift"));
  spec.training.augmentation = {0, 0, 0, 0};
  EXPECT_FALSE(Json::parse(run_identity_text(spec))["training"].contains("augmentation"));
}

TEST(Identity, AChangedDefaultChangesTheIdentity) {
  RunSpec spec = example();
  const std::string before = run_identity(spec);
  spec.training.learning_rate = 1e-3; // as if the default had become this
  EXPECT_NE(run_identity(spec), before);
}

TEST(Identity, ANumberIsTypedByItsField) {
  RunSpec whole = example(), real = example();
  update_from_json(whole, Json::parse(R"({"training": {"epochs": 20, "clip_norm": 1}})"), "");
  update_from_json(real, Json::parse(R"({"training": {"epochs": 2e1, "clip_norm": 1.0}})"), "");
  EXPECT_EQ(run_identity(whole), run_identity(real));
}

TEST(Identity, ARunSpecSurvivesItsJson) {
  const RunSpec spec = example();
  EXPECT_EQ(from_json<RunSpec>(to_json_all(spec)), spec);
}

} // namespace
} // namespace stdualx
