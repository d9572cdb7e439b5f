// `explain`: one run found by the start of its identity, all that is known of it, and why another would be another.
#include "fixture.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "results/format.h"
#include "results/tables.h"

namespace stdualx {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ExplainTest : public ::testing::Test {
protected:
  TemporaryFolder folder;
  RunSpec run = a_run();
  std::string run_id = run_identity(run);
  std::int64_t now = 1'000'000;
  Store store = Store::open_for_writing(folder / "results.db", options());

  StoreOptions options(const std::string& host = this_process().host) {
    StoreOptions made;
    made.identity.host = host;
    made.now_ms = [this] { return now; };
    return made;
  }
  std::string explained(const std::string& prefix) {
    Reader reader(folder / "results.db");
    return format_tables(explain_run(reader, prefix, {now, 60000, {}, [](std::chrono::milliseconds) {}}), Format::markdown);
  }
};

TEST_F(ExplainTest, TellsAllOfARun) {
  store.register_sweep(a_plan({run}, "first"));
  store.register_sweep(a_plan({run, a_run(1)}, "second"));
  store.begin_attempt(run_id, a_place("node3"), 1);
  store.record_epoch(an_epoch(run_id, 1, 1));
  store.end_attempt({run_id, 1, "trainer_died", "signal 9", "std::bad_alloc\nkilled", {}}, RunStatus::interrupted);
  store.event("moved", run_id, "to another host");
  store.begin_attempt(run_id, a_place("node4"), 1, 1);
  store.record_epoch(an_epoch(run_id, 2, 2));
  store.record_evaluation(an_evaluation(run_id, 2));
  store.end_attempt({run_id, 2, "complete", "", "", {{"embedding", run_id + "/2/embedding.safetensors", "ab", 99}}}, RunStatus::complete);
  store.record_efficiency({run_id, "node4", "cpu", "cpu A", 1, {{"latency_median", 0.0025}}});
  Reader reader(folder / "results.db");
  const std::string text = format_tables(explain_run(reader, run_id.substr(0, 8), {now}), Format::table);
  EXPECT_THAT(text, AllOf(HasSubstr(run_id), HasSubstr("first, second"), HasSubstr("identity text: " + run_identity_text(run)),
                          HasSubstr("the same identity")));
  EXPECT_THAT(text, AllOf(HasSubstr("trainer_died"), HasSubstr("signal 9"), HasSubstr("std::bad_alloc\\nkilled"), HasSubstr("node4")));
  EXPECT_THAT(text, AllOf(HasSubstr("state 2"), HasSubstr("f1_macro"), HasSubstr("to another host"), HasSubstr("epoch-2")));
  EXPECT_THAT(text, AllOf(HasSubstr("/2/embedding.safetensors"), HasSubstr("latency_median"), HasSubstr("0.0025")));
  EXPECT_THAT(text, AllOf(HasSubstr("/training/learning_rate"), HasSubstr("/protocol/validation_people")));
}

TEST_F(ExplainTest, NamesTheFieldThatMakesItAnotherRun) {
  RunSpec old = run;
  old.training.learning_rate = 0.5; // as if the default had been this
  store.register_sweep(a_plan({old}));
  EXPECT_THAT(explained(run_identity(old)),
              AllOf(HasSubstr("/training/learning\\_rate | 0.5 | 0.002"), HasSubstr("/training/epochs | 2 | 10"),
                    Not(HasSubstr("/windows/label\\_threshold | 0.5 | 0"))));
}

TEST_F(ExplainTest, ARunOfTheDefaultsIsSaidToBeDone) {
  RunSpec plain = run;
  plain.training = {};
  store.register_sweep(a_plan({plain}));
  EXPECT_THAT(explained(run_identity(plain)), HasSubstr("would find it done"));
}

TEST_F(ExplainTest, ARunWhoseCoordinatorIsGoneIsInterruptedThoughNothingIsWritten) {
  store.release();
  store = Store::open_for_writing(folder / "results.db", options("another-host"));
  store.register_sweep(a_plan({run}));
  store.begin_attempt(run_id, a_place(), 1);
  now += 50'000;
  EXPECT_THAT(explained(run_id), HasSubstr(run_id + " | RUNNING |")) << "within its coordinator's lease";
  now += 20'000;
  EXPECT_THAT(explained(run_id), HasSubstr(run_id + " | INTERRUPTED |"));
  Reader reader(folder / "results.db");
  EXPECT_EQ(text_at(reader, "SELECT status FROM runs"), "RUNNING");
}

TEST_F(ExplainTest, AnAmbiguousOrUnknownStartIsAnsweredWithWhatThereIs) {
  std::vector<RunSpec> many;
  for (std::int64_t seed = 1; seed <= 1200; ++seed) many.push_back(a_run(0, seed)); // of 65536 starts two are alike, all but surely
  std::vector<std::string> ids;
  for (const auto& each : many) ids.push_back(run_identity(each));
  std::sort(ids.begin(), ids.end());
  const auto twins =
      std::adjacent_find(ids.begin(), ids.end(), [](const auto& a, const auto& b) { return a.substr(0, 4) == b.substr(0, 4); });
  ASSERT_NE(twins, ids.end());
  store.register_sweep(a_plan(many));
  Reader reader(folder / "results.db");
  EXPECT_THAT(message_of<InputError>([&] { resolve_run(reader, twins->substr(0, 4)); }),
              AllOf(HasSubstr(*twins), HasSubstr(*(twins + 1)), HasSubstr("more digits")));
  EXPECT_EQ(resolve_run(reader, *twins), *twins);
  EXPECT_THAT(message_of<InputError>([&] { resolve_run(reader, "xyz1"); }), HasSubstr("holds no run whose identity starts with 'xyz1'"));
  EXPECT_THAT(message_of<InputError>([&] { resolve_run(reader, "ab"); }), HasSubstr("at least 4 digits"));
  EXPECT_THAT(message_of<InputError>([&] { resolve_run(reader, "%%%%"); }), HasSubstr("holds no run"));
}

} // namespace
} // namespace stdualx
