// Classes that training parts hardly know, out of the store.
#include "results/report.h"
#include "results/rows.h"

namespace stdualx {

namespace {
/// None of what is no list of numbers: a store may be another's.
std::vector<std::int64_t> numbers_in(const std::string& text) {
  std::vector<std::int64_t> numbers;
  const Json list = Json::parse(text, nullptr, false);
  if (list.is_array())
    for (const Json& one : list)
      if (one.is_number_integer()) numbers.push_back(one.get<std::int64_t>());
  return numbers;
}
} // namespace

std::vector<std::string> thin_classes_in(Reader& reader, const std::string& run_id) {
  const Table rows = reader.query(
      "SELECT DISTINCT r.dataset, r.protocol, t.split_id, t.fold, t.label, coalesce(d.classes ->> ('$[' || t.label || ']'), 'class ' || "
      "t.label), t.person, t.tested FROM thin_classes t JOIN runs r ON r.split_id = t.split_id AND r.fold = t.fold LEFT JOIN datasets d ON "
      "d.dataset_hash = r.dataset_hash WHERE ?1 = '' OR r.run_id = ?1 ORDER BY r.dataset, r.protocol, t.split_id, t.label, t.fold",
      {run_id});
  std::vector<ThinClass> thin;
  for (const auto& row : rows.rows)
    thin.push_back({.dataset = text_of(row[0]),
                    .protocol = text_of(row[1]),
                    .split_id = text_of(row[2]),
                    .fold = integer_of(row[3]),
                    .label = integer_of(row[4]),
                    .name = text_of(row[5]),
                    .person = integer_of(row[6]),
                    .nobody = is_null(row[6]),
                    .tested = numbers_in(text_of(row[7]))});
  return thin_class_words(thin);
}

} // namespace stdualx
