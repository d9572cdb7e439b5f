// A class that the training part of a fold hardly knows: nobody in it did it, or one person alone. What a network says of such a class
// is chance, or that person's way.
#pragma once

#include "experiments/spec/fields.h"

#include <string>
#include <vector>

namespace stdualx {

struct ThinClass {
  std::string dataset, protocol; // for people
  std::string split_id;          // split_identity of its runs
  std::int64_t fold = 0;
  std::int64_t label = 0;
  std::string name;                 // of the class
  std::int64_t person = 0;          // who alone did it
  bool nobody = false;              // or nobody did
  std::vector<std::int64_t> tested; // whose test windows hold it

  static const auto& fields() {
    using T = ThinClass;
    static const auto all = std::make_tuple(field("dataset", &T::dataset, "", "its name"), field("protocol", &T::protocol, "", "its kind"),
                                            field("split_id", &T::split_id, "", "of the runs' split"),
                                            field("fold", &T::fold, 0, "which fold"), field("label", &T::label, 0, "which class"),
                                            field("name", &T::name, "", "of the class"), field("person", &T::person, 0, "who alone did it"),
                                            field("nobody", &T::nobody, false, "in the training part did it"),
                                            field("tested", &T::tested, {}, "people whose test windows hold it"));
    return all;
  }
  bool operator==(const ThinClass&) const = default;
};

/// One sentence a data set, protocol and class, in their order, which names folds and people.
std::vector<std::string> thin_class_words(const std::vector<ThinClass>& thin);

} // namespace stdualx
