// What a site or a person wants of every job: profiles in ~/.config/stdualx/cluster.json, options of `stdualx submit` by their names:
//   {"default": {"partition": "gpu", "account": "lab", "prologue": ["module load openmpi"]},
//    "long":    {"partition": "gpu", "time": "2-00:00:00", "nodes": 4, "sbatch": ["--mem=64G"]}}
#pragma once

#include <boost/program_options.hpp>

#include <filesystem>
#include <string>

namespace stdualx {

/// $XDG_CONFIG_HOME/stdualx/cluster.json, or the same below ~/.config.
std::filesystem::path profile_file();

/// Puts into `values` what the profile `name` says and the command line does not; of options that may stand several times, the profile's
/// come first. "" means the profile `default`, which need not be there. InputError: no such file or profile, a key that is no option of
/// `described`, a value of the wrong kind.
void add_profile(const std::string& name, const boost::program_options::options_description& described,
                 boost::program_options::variables_map& values);

} // namespace stdualx
