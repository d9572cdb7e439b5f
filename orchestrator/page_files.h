// The files of the live page (orchestrator/page), which the build puts into the program.
#pragma once

#include <string_view>

namespace stdualx {

std::string_view live_page_html();
std::string_view live_page_script();
std::string_view live_page_style();

} // namespace stdualx
