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
  EXPECT_EQ(run_identity(spec), "e9de893e869a728c9a4c6aa7301a8bbda9be07dc53f3974cc35f465d71f754a8");
  spec.variant = "without_csa";
  spec.model.cross_sensor_attention = false;
  EXPECT_EQ(run_identity(spec), "6d089a55814f336181c2b395df1212f53da8cc62f4d5ba5b15515bb71ae182b9");
  spec.seed = 2;
  EXPECT_EQ(run_identity(spec), "fdf3c403c632d3dd4cabc917ec8fea5e01c37b7087f4d38b39745885f8a36785");
  spec.world_size = 2;
  spec.training.triplet_weight = 0;
  EXPECT_EQ(run_identity(spec), "f851e7b27967bb462674fc901a3696123be5ac061ebda974bd26adab7cf895b4");
  spec.protocol.validation_people = {3, 15, 19, 22, 30};
  spec.training.augmentation.rotation_degrees = 0;
  EXPECT_EQ(run_identity(spec), "1bfa5c2467c60c786db66e0f3ac0c5db11eefc2e201c666a9c386a427177aa3b");
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
