// The HTML page of the report: its numbers are the store's, names stay text, and what is missing says why.
#include "report_fixture.h"

#include <gmock/gmock.h>

#include <string>

#include "experiments/spec/errors.h"
#include "results/figures/page.h"

namespace stdualx {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* bundle = "window.vegaEmbed = () => Promise.resolve();";

class HtmlReport : public Report {
protected:
  std::string page() {
    Reader reader(file);
    return html_report(reader, {}, bundle);
  }
  /// The specification of a picture, as the page's script reads it.
  static Json spec(const std::string& html, const std::string& id) {
    const std::string begin = "<script type=\"application/json\" id=\"" + id + "-spec\">";
    const std::size_t start = html.find(begin);
    if (start == std::string::npos) throw std::runtime_error("no picture " + id);
    return Json::parse(html.substr(start + begin.size(), html.find("</script>", start) - start - begin.size()));
  }
  static Json values(const std::string& html, const std::string& id) { return spec(html, id).at("data").at("values"); }
  static std::size_t count(const std::string& html, const std::string& words) {
    std::size_t found = 0;
    for (std::size_t place = html.find(words); place != std::string::npos; place = html.find(words, place + 1)) ++found;
    return found;
  }
};

TEST_F(HtmlReport, PicturesHoldTheNumbersOfTheTables) {
  add_folds("stdual_x", {940, 950, 960});
  add_folds("without_csa", {930, 940, 955});
  add_folds("linear", {900, 900, 905});
  const std::string html = page();
  const TitledTable accuracy = table("accuracy");
  const Json rows = values(html, "accuracy-1");
  ASSERT_EQ(rows.size(), accuracy.table.rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Row row{&accuracy.table, &accuracy.table.rows[i]};
    if (row.text("verdict") == "NOT RUN") {
      EXPECT_TRUE(rows[i].at("mean").is_null());
      continue;
    }
    EXPECT_EQ(rows[i].at("mean").get<double>(), row.share("ours (mean)"));
    EXPECT_EQ(rows[i].at("low").get<double>(), row.share("95 % low"));
    EXPECT_EQ(rows[i].at("high").get<double>(), row.share("95 % high"));
    EXPECT_THAT(html, HasSubstr("<td class=\"number\">" + row.text("ours (mean)") + "</td>"));
  }
  const TitledTable ablations = table("ablation");
  const Json drops = values(html, "ablations-1");
  ASSERT_EQ(drops.size(), 1u);
  EXPECT_EQ(drops[0].at("mean").get<double>(), (Row{&ablations.table, &ablations.table.rows[0]}.share("difference (mean)")));
  EXPECT_NEAR(drops[0].at("paper").get<double>(), -0.0234, closeness);
  EXPECT_FALSE(values(html, "baselines-1").empty());
  EXPECT_THAT(html, HasSubstr("href=\"data:text/csv;charset=utf-8,data%20set%2Cprotocol%2C")) << "the numbers as CSV";
  EXPECT_THAT(html, HasSubstr("<code>stdualx query \"SELECT * FROM v_ablation\"</code>"));
  EXPECT_THAT(html, HasSubstr("<td>" + a_run().dataset_hash + "</td>")) << "which data they are of";
}

TEST_F(HtmlReport, ConfusionIsInSharesOfTheTrueActivity) {
  add(a_network("stdual_x", 0), 900); // of 500 windows a class the last 50 are wrong
  const std::string html = page();
  double diagonal = 0, off = 0;
  for (const Json& cell : values(html, "confusion-1")) {
    if (cell.at("truth") != "walking") continue;
    (cell.at("predicted") == "walking" ? diagonal : off) += cell.at("share").get<double>();
    if (cell.at("predicted") == "walking") {
      EXPECT_EQ(cell.at("windows").get<int>(), 450);
    }
  }
  EXPECT_NEAR(diagonal, 0.9, closeness);
  EXPECT_NEAR(off, 0.1, closeness);
  EXPECT_EQ(values(html, "people-1").size(), 7u);
}

TEST_F(HtmlReport, TrainingCurvesAreThoseOfTheEpochs) {
  add(a_network("stdual_x", 0), 950);
  std::size_t seen = 0;
  for (const Json& point : values(page(), "training-1")) {
    if (point.at("part") != "training") continue;
    ++seen;
    EXPECT_NEAR(point.at("loss").get<double>(), 1.0 / point.at("epoch").get<double>(), closeness);
  }
  EXPECT_EQ(seen, 2u);
}

TEST_F(HtmlReport, RobustnessBeginsAtTheUndisturbedPart) {
  add_folds("stdual_x", {940, 950, 960});
  for (std::int64_t fold = 0; fold < 3; ++fold) {
    RunSpec run = a_network("stdual_x", fold);
    run.seed = 7;
    add(run, 950, {{"noise/10/1", 800 + 10 * fold}});
  }
  const Json points = values(page(), "robustness-1");
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[0].at("amount"), "none");
  EXPECT_NEAR(points[0].at("mean").get<double>(), 0.95, closeness);
  EXPECT_EQ(points[1].at("amount"), "10 dB");
  EXPECT_NEAR(points[1].at("mean").get<double>(), 0.81, closeness);
  EXPECT_LT(points[1].at("low").get<double>(), 0.81);
}

TEST_F(HtmlReport, TwoSensorsHaveNoChoiceAndThePageSaysSo) {
  add(a_network("stdual_x", 0), 950, {}, {{"attention_entropy", 0.9}}, {{1, 1, 10, {0, 1, 1, 0}}});
  const std::string html = page();
  EXPECT_EQ(values(html, "attention-1").size(), 4u);
  EXPECT_THAT(html, HasSubstr("weights are 1 by construction"));
}

TEST_F(HtmlReport, ARandomSplitNeverStandsAlone) {
  add(random_windows(a_network("stdual_x", 0)), 990);
  const std::string html = page();
  const Json rows = values(html, "accuracy-1");
  ASSERT_GE(rows.size(), 2u);
  EXPECT_TRUE(rows[0].at("mean").is_null());
  EXPECT_THAT(rows[0].at("second").get<std::string>(), HasSubstr("by person (official, or leave persons out): NOT RUN"));
  EXPECT_NEAR(rows[1].at("mean").get<double>(), 0.99, closeness);
  EXPECT_THROW(spec(html, "confusion-1"), std::runtime_error);
  EXPECT_THROW(spec(html, "people-1"), std::runtime_error);
  EXPECT_THAT(html, HasSubstr("a random split, where there is one, says nothing of people"));
}

TEST_F(HtmlReport, TheQueryOfEachFigureHasRows) {
  add(a_network("stdual_x", 0), 950, {{"noise/10/1", 900}}, {{"attention_entropy", 0.9}}, {{1, 1, 10, {0, 1, 1, 0}}});
  add(a_network("without_csa", 0), 940);
  add(a_network("linear", 0), 900);
  const std::string html = page(), begin = "<code>stdualx query \"", end = "\"</code>";
  Reader reader(file);
  std::size_t queries = 0;
  for (std::size_t place = html.find(begin); place != std::string::npos; place = html.find(begin, place + 1), ++queries) {
    std::string sql = html.substr(place + begin.size(), html.find(end, place) - place - begin.size());
    for (std::size_t quote = sql.find("&#39;"); quote != std::string::npos; quote = sql.find("&#39;")) sql.replace(quote, 5, "'");
    EXPECT_FALSE(reader.query(sql).rows.empty()) << sql;
  }
  EXPECT_EQ(queries, 8u);
}

TEST_F(HtmlReport, HostileNamesStayText) {
  const std::string name = "<script>alert('1')</script><!--\"&\x1b[2J";
  RunSpec run = a_network("stdual_x", 0, name);
  const std::string run_id = run_identity(run);
  Plan plan = a_plan({run}, name);
  plan.datasets = {{run.dataset_hash, name, {name, "ankle"}, {name, "walking"}}};
  store.register_sweep(plan);
  const std::int64_t attempt = store.begin_attempt(run_id, a_place(name, name), 1);
  store.record_epoch(an_epoch(run_id, attempt, 1));
  store.record_epoch(an_epoch(run_id, attempt, 2));
  EvaluationReport test = an_evaluation(run_id, attempt);
  test.sensors = 2;
  test.attention = {{1, 0, 10, {0, 1, 1, 0}}};
  store.record_evaluation(test);
  store.end_attempt({run_id, attempt, "complete", "", "", {}}, RunStatus::complete);
  const std::string html = page();
  EXPECT_THAT(html, HasSubstr("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&lt;!--&quot;&amp;\\x1b[2J"));
  EXPECT_THAT(html, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(html, Not(HasSubstr("<!--")));
  EXPECT_THAT(html, Not(HasSubstr("\x1b")));
  EXPECT_EQ(count(html, "</script"), count(html, "<script")) << "each ends where the page ends it";
  EXPECT_THAT(values(html, "confusion-1").dump(), HasSubstr("<script>alert('1')</script>")) << "in the data it is itself";
}

TEST_F(HtmlReport, AnEmptyStoreSaysWhyNothingIsDrawn) {
  const std::string html = page();
  EXPECT_EQ(count(html, "class=\"picture\""), 0u);
  EXPECT_EQ(count(html, "Nothing to show: No "), 8u) << "each figure says why";
  EXPECT_THAT(html, HasSubstr("Of the paper&#39;s 10 claims: 10 NOT RUN."));
}

TEST_F(HtmlReport, ThePolicyNamesTheScriptsAndNothingElse) {
  const std::string html = page();
  // printf '%s' "window.vegaEmbed = () => Promise.resolve();" | openssl dgst -sha256 -binary | base64
  EXPECT_THAT(html, HasSubstr("default-src 'none'; script-src 'sha256-onVCXU7exBNB70+Lbs44QJqYTP9uGy210wve91y/6o4=' 'sha256-"));
  EXPECT_THAT(html, Not(HasSubstr("unsafe-eval")));
  Reader reader(file);
  EXPECT_THAT(message_of<InputError>([&] { html_report(reader, {}, "x = '</SCRIPT>'"); }), HasSubstr("would end its script element"));
}

} // namespace
} // namespace stdualx
