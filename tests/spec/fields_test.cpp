// Bad input is named: the JSON pointer, what was expected, the near word.
#include "experiments/spec/run_spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace stdualx {
namespace {

std::string message_of(const char* text) {
  try {
    from_json<RunSpec>(Json::parse(text));
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Fields, AnUnknownKeyIsNamedWithTheNearWord) {
  EXPECT_THAT(message_of(R"({"training": {"learning_rat": 0.1}})"),
              AllOf(HasSubstr("/training/learning_rat: unknown key"), HasSubstr("did you mean 'learning_rate'")));
  EXPECT_THAT(message_of(R"({"zzzzzz": 1})"), HasSubstr("expected one of: dataset"));
}

TEST(Fields, AWrongTypeIsNamed) {
  EXPECT_THAT(message_of(R"({"training": {"epochs": 2.5}})"), HasSubstr("/training/epochs: expected a whole number, found 2.5"));
  EXPECT_THAT(message_of(R"({"training": {"epochs": "ten"}})"), HasSubstr("expected a whole number"));
  EXPECT_THAT(message_of(R"({"model": []})"), HasSubstr("/model: expected an object"));
  EXPECT_THAT(message_of(R"({"protocol": {"validation_people": [1, "x"]}})"), HasSubstr("/protocol/validation_people/1"));
}

TEST(Fields, AValueOutOfRangeIsNamed) {
  EXPECT_THAT(message_of(R"({"training": {"label_smoothing": 1.5}})"), HasSubstr("expected a number from 0 to 0.99, found 1.5"));
  EXPECT_THAT(message_of(R"({"protocol": {"kind": "offical"}})"), HasSubstr("did you mean 'official'"));
  EXPECT_THAT(message_of(R"({"training": {"learning_rate": null}})"), HasSubstr("/training/learning_rate: expected a number"))
      << "NaN lies in no range";
}

TEST(Fields, TheSchemaNamesEveryFieldAndForbidsOthers) {
  const Json schema_json = schema<RunSpec>();
  EXPECT_EQ(schema_json["additionalProperties"], false);
  EXPECT_EQ(schema_json["properties"].size(), field_names<RunSpec>().size());
  EXPECT_EQ(schema_json["properties"]["training"]["properties"]["epochs"]["type"], "integer");
}

} // namespace
} // namespace stdualx
