// A table as text for people, and how it is made to fit a terminal.
#pragma once

#include <cstddef>
#include <string>

#include "results/table.h"

namespace stdualx {

/// Title, table and notes; a title of "" and no notes: the table alone. `width`: columns of the terminal; 0: unbounded, a line a row.
/// With a width no line is wider. In this order, until it fits: columns without a value go; columns with one value in every row go into the
/// title; columns wrap, headings at blanks and underscores, text at blanks; and each row becomes a block with a line a column. A number is
/// never cut, nor is a word with a digit of up to 24 columns.
std::string layout(const TitledTable& titled, std::size_t width);

/// The narrowest width that `layout` fits into.
inline constexpr std::size_t narrowest_layout = 30;

} // namespace stdualx
