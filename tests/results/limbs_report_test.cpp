// The abstract's sentences on attention between limbs, as tests over people.
#include "report_fixture.h"

#include <gmock/gmock.h>

namespace stdualx {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string title = "attention between limbs: what the abstract says";

class Limbs : public Report {
protected:
  /// Arms and legs give each other's two `weight` each and the rest alike; the torso looks at all alike.
  static AttentionMap walking(std::int64_t person, double weight) {
    const double rest = (1 - 2 * weight) / 2;
    return {person, 1, 50, {0,    0.25,   0.25,   0.25,   0.25,   //
                            rest, 0,      rest,   weight, weight, //
                            rest, rest,   0,      weight, weight, //
                            rest, weight, weight, 0,      rest,   //
                            rest, weight, weight, rest,   0}};
  }
  static AttentionMap sitting(std::int64_t person) {
    std::vector<double> alike(25, 0.25);
    for (std::size_t i = 0; i < 5; ++i) alike[6 * i] = 0;
    return {person, 0, 50, alike};
  }
  void five_sensors(const RunSpec& run) {
    Plan plan = a_plan({run}, "five sensors");
    plan.datasets = {
        {run.dataset_hash, run.dataset, {"torso", "right_arm", "left_arm", "right_leg", "left_leg"}, {"sitting", "walking_flat"}}};
    store.register_sweep(plan);
  }
  void add_people(std::int64_t people, const std::function<double(std::int64_t)>& weight) {
    for (std::int64_t fold = 0; fold < 3; ++fold) {
      std::vector<AttentionMap> maps;
      for (std::int64_t person = 1; person <= people; ++person)
        if (person % 3 == fold) {
          maps.push_back(walking(person, weight(person)));
          maps.push_back(sitting(person));
        }
      add(a_network("stdual_x", fold, "dsads"), 950, {}, {{"attention_entropy", 0.9}}, maps);
    }
    five_sensors(a_network("stdual_x", 0, "dsads"));
  }
  Row sentence(const std::string& begin) {
    for (const TitledTable& made : tables({"attention"}))
      if (made.title == title) {
        kept = made;
        for (const auto& cells : kept.table.rows)
          if (Row{&kept.table, &cells}.text("sentence").starts_with(begin)) return Row{&kept.table, &cells};
      }
    throw std::runtime_error("no such sentence: " + begin);
  }
  TitledTable kept;
};

TEST_F(Limbs, ArmsAndLegsThatLookAtEachOtherHoldTheSentence) {
  // By hand: mean of 8 pairs `w`, of 10 pairs (6 (1/2 - w) + 1) / 10, so 1.6 w - 0.4 a person; SciPy: t = 8.6206 with 5 degrees of freedom.
  add_people(6, [](std::int64_t person) { return 0.30 + 0.01 * static_cast<double>(person); });
  const Row limbs = sentence("arms and legs");
  EXPECT_EQ(limbs.text("in"), "walking_flat");
  EXPECT_NEAR(limbs.real("difference"), 1.6 * 0.335 - 0.4, closeness);
  EXPECT_NEAR(limbs.real("p"), 0.00034670659782164626, 1e-12);
  EXPECT_EQ(limbs.text("people"), "6");
  EXPECT_EQ(limbs.text("verdict"), "HOLDS");
  const Row rest = sentence("every sensor");
  EXPECT_EQ(rest.text("in"), "sitting");
  EXPECT_GT(rest.real("difference"), 0);
  EXPECT_EQ(rest.text("verdict"), "HOLDS");
}

TEST_F(Limbs, ArmsThatLookAwayFromLegsAreTheOpposite) {
  add_people(6, [](std::int64_t person) { return 0.15 + 0.01 * static_cast<double>(person); });
  EXPECT_EQ(sentence("arms and legs").text("verdict"), "THE OPPOSITE HOLDS");
}

TEST_F(Limbs, WhatLiesAroundNothingIsNotShown) {
  add_people(6, [](std::int64_t person) { return person % 2 == 0 ? 0.30 : 0.205; });
  EXPECT_EQ(sentence("arms and legs").text("verdict"), "NOT SHOWN");
}

TEST_F(Limbs, FourPeopleAreTooFew) {
  add_people(4, [](std::int64_t person) { return 0.30 + 0.01 * static_cast<double>(person); });
  const Row limbs = sentence("arms and legs");
  EXPECT_EQ(limbs.text("verdict"), "UNDERPOWERED");
  EXPECT_EQ(limbs.text("p"), "—");
}

TEST_F(Limbs, WithTwoSensorsThereIsNothingToSay) {
  add(a_network("stdual_x", 0), 950, {}, {{"attention_entropy", 0.9}}, {{1, 1, 10, {0, 1, 1, 0}}});
  for (const TitledTable& made : tables({"attention"})) EXPECT_NE(made.title, title);
}

} // namespace
} // namespace stdualx
