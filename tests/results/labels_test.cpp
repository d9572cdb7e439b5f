// Names, the number of a group and whether the test part is looked at: labels of a run in a sweep.
#include "fixture.h"
#include "results/ledger.h"
#include "results/rows.h"
#include "results/tables.h"

#include <gmock/gmock.h>

namespace stdualx {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

using Labels = OneRunStore;

TEST_F(Labels, ATestPartThatIsOpenedLaterIsEvaluatedWithTheKeptWeights) {
  RunSpec closed = run;
  closed.protocol.open_test = false;
  store.register_sweep(a_plan({closed}, "choosing"));
  EXPECT_EQ(run_identity(closed), run_id) << "one run, whether its test part is open or not";
  complete(store, closed);
  EXPECT_THAT(missing_evaluations(a_plan({closed}).runs[0], state()), IsEmpty());
  EXPECT_EQ(store.register_sweep(a_plan({run}, "opening")), 0);
  EXPECT_EQ(state().status, RunStatus::complete);
  Reader reader(file);
  EXPECT_EQ(text_at(reader, "SELECT text FROM events WHERE kind = 'test_opened'"),
            "sweep opening opens the test part of 1 runs that were COMPLETE with it closed");
  EXPECT_EQ(integer_at(reader, "SELECT open_test FROM runs"), 0) << "nothing has looked at it yet";
  EXPECT_THAT(ledger_findings(reader), IsEmpty());
  ASSERT_THAT(missing_evaluations(a_plan({run}).runs[0], state()), SizeIs(1));
  store.begin_attempt(run_id, a_place(), 1, 0, AttemptKind::evaluate);
  store.record_evaluation(an_evaluation(run_id, 2));
  store.end_attempt({run_id, 2, "complete", "", "", {}}, RunStatus::complete);
  EXPECT_EQ(integer_at(reader, "SELECT open_test FROM runs"), 1);
  EXPECT_EQ(integer_at(reader, "SELECT count(*) FROM v_accuracy"), 1);
  EXPECT_EQ(store.register_sweep(a_plan({closed}, "choosing")), 0);
  EXPECT_EQ(integer_at(reader, "SELECT open_test FROM runs"), 1) << "what was looked at stays looked at";
}

TEST_F(Labels, ARunThatIsStillToBeTrainedEndsAsTheSweepAtWorkSays) {
  RunSpec closed = run;
  closed.protocol.open_test = false;
  store.begin_attempt(run_id, a_place(), 1);
  store.end_attempt({run_id, 1, "drained", "", "", {}}, RunStatus::interrupted);
  store.register_sweep(a_plan({closed}, "choosing"));
  store.begin_attempt(run_id, a_place(), 1);
  store.record_evaluation(an_evaluation(run_id, 2, "validation"));
  store.end_attempt({run_id, 2, "complete", "", "", {}}, RunStatus::complete);
  EXPECT_EQ(state().status, RunStatus::complete);
}

TEST_F(Labels, ANameThatEverySweepKnowsIsShownAndOneOfASweepsOwnInThatSweep) {
  Plan own = a_plan({run}, "own names");
  own.runs[0].run.variant = "base";
  own.runs[0].run.preset = "faithful";
  own.runs[0].own_name = true;
  store.register_sweep(own);
  Reader reader(file);
  const auto shown = [&](const std::string& sweep) {
    const Table table = runs_table(reader, Moment{}, {.status = "", .sweep = sweep}).table;
    return text_of(table.rows.at(0).at(6)) + " " + text_of(table.rows.at(0).at(7));
  };
  EXPECT_EQ(shown(""), "default stdual_x");
  EXPECT_EQ(shown("own names"), "faithful base");

  Plan known = a_plan({run}, "another");
  known.runs[0].run.variant = "without_csa";
  store.register_sweep(known);
  EXPECT_EQ(shown(""), "default without_csa");
  EXPECT_EQ(shown("own names"), "faithful base");
}

} // namespace
} // namespace stdualx
