// Names of conditions.
#include "experiments/spec/condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stdualx {
namespace {

using testing::HasSubstr;

std::string error_of(const std::string& name) {
  try {
    condition_of(name);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Condition, NamesAndConditionsAreOneToOne) {
  for (const std::string name : {"clean", "missing_samples/0.1/last/1", "missing_blocks/0.05/linear/5", "missing_sensor/2/zero",
                                 "noise/-5/3", "gain/0.2/1", "rotation/15/2", "clock_jitter/0.5/1"})
    EXPECT_EQ(condition_name(condition_of(name)), name);
  EXPECT_EQ(condition_of("missing_blocks/0.05/linear/5"), (Condition{"missing_blocks", 0.05, "linear", 5}));
  EXPECT_EQ(condition_of("missing_sensor/2/zero"), (Condition{"missing_sensor", 2, "zero", 0}));
  EXPECT_EQ(condition_of("clean"), Condition{});
}

TEST(Condition, WhatIsWrongWithANameIsSaid) {
  EXPECT_THAT(error_of("missing_sample/0.1/last/1"), HasSubstr("did you mean 'missing_samples'?"));
  EXPECT_THAT(error_of(""), HasSubstr("expected clean, missing_samples/AMOUNT/FILL/SEED"));
  EXPECT_THAT(error_of("noise"), HasSubstr("expected noise/AMOUNT/SEED with that many parts, found 'noise'"));
  EXPECT_THAT(error_of("missing_samples/10/last/1"), HasSubstr("a share from 0.0001 to 0.99"));
  EXPECT_THAT(error_of("missing_samples/nan/last/1"), HasSubstr("a share from"));
  EXPECT_THAT(error_of("missing_samples/0.1/mean/1"), HasSubstr("as FILL last, zero or linear"));
  EXPECT_THAT(error_of("missing_samples/0.1/last/0"), HasSubstr("as SEED a whole number from 1"));
  EXPECT_THAT(error_of("missing_sensor/0.5/zero"), HasSubstr("the number of a sensor"));
  EXPECT_THAT(error_of("missing_samples/0.10/last/1"), HasSubstr("in their shortest form ('missing_samples/0.1/last/1')"));
}

} // namespace
} // namespace stdualx
