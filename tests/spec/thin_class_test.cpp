// What is said of classes that training parts hardly know.
#include "experiments/spec/thin_class.h"

#include <gmock/gmock.h>

namespace stdualx {
namespace {

ThinClass thin(std::int64_t fold, const std::string& name, std::int64_t person, std::vector<std::int64_t> tested = {}) {
  ThinClass one;
  one.dataset = "gym";
  one.protocol = "leave_one_person_out";
  one.fold = fold;
  one.name = name;
  one.person = person;
  one.nobody = person == 0;
  one.tested = std::move(tested);
  return one;
}

TEST(ThinClasses, AreNamedWithFoldsAndPeopleOnceAClass) {
  EXPECT_TRUE(thin_class_words({}).empty());
  EXPECT_THAT(
      thin_class_words({thin(0, "jump", 4), thin(1, "jump", 4), thin(2, "jump", 4), thin(3, "jump", 0, {4}), thin(1, "row", 0, {2, 3}),
                        thin(2, "row", 0)}),
      ::testing::ElementsAre("gym, leave_one_person_out: of the people trained on, class 'jump': person 4 alone did in folds 0, 1 and 2; "
                             "nobody did (person 4 tested with it) in fold 3",
                             "gym, leave_one_person_out: of the people trained on, class 'row': nobody did (people 2 and 3 tested "
                             "with it) in fold 1; nobody did in fold 2"));
}

TEST(ThinClasses, OfSeveralVariantsOfAProtocolNameAFoldOnce) {
  EXPECT_THAT(thin_class_words({thin(3, "jump", 4), thin(3, "jump", 4)}),
              ::testing::ElementsAre("gym, leave_one_person_out: of the people trained on, class 'jump': person 4 alone did in fold 3"));
}

} // namespace
} // namespace stdualx
