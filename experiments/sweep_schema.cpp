// The JSON Schema of a sweep file, built from the same descriptions of fields that read it.
#include "experiments/spec/condition.h"
#include "experiments/sweep_settings.h"
#include "experiments/variants.h"

namespace stdualx {

namespace {

Json described(Json schema, const char* sentence) {
  schema["description"] = sentence;
  return schema;
}

Json distinct_numbers(const char* sentence) {
  return {{"type", "array"},
          {"items", {{"type", "integer"}, {"minimum", 0}}},
          {"minItems", 1},
          {"uniqueItems", true},
          {"description", sentence}};
}

Json variant_schema() {
  Json settings = Json::object();
  for (const auto& path : recipe_paths()) settings[path] = {{"$ref", "#/$defs/" + path}};
  Json object = {
      {"type", "object"},
      {"required", {"name"}},
      {"additionalProperties", false},
      {"properties",
       {{"name", {{"type", "string"}, {"minLength", 1}, {"description", "how tables call it"}}},
        {"base", {{"enum", variant_names()}, {"description", "the ablation or baseline it starts from; stdual_x unless said"}}},
        {"set",
         {{"type", "object"}, {"properties", settings}, {"additionalProperties", false}, {"description", "further settings by path"}}},
        {"ranks", {{"type", "integer"}, {"minimum", 1}, {"maximum", 4096}, {"description", "ranks that train one of its runs together"}}},
        {"folds", distinct_numbers("its folds, instead of the sweep's")}}}};
  return {{"oneOf", {{{"enum", variant_names()}}, std::move(object)}}};
}

Json protocol_schema() {
  Json protocol = schema<ProtocolSpec>();
  protocol["required"] = {"kind"};
  protocol["properties"]["validation_groups"] = {
      {"type", "array"},
      {"minItems", 1},
      {"items", distinct_numbers("people of one group")},
      {"description", "of the official split: fold i keeps the people of group i for validation"}};
  protocol["properties"]["validation_people"] = distinct_numbers("people kept for validation, named instead of drawn");
  return protocol;
}

Json condition_schema() {
  const Json kinds = schema<Condition>()["properties"];
  Json object = {
      {"type", "object"},
      {"required", {"kind", "amounts"}},
      {"additionalProperties", false},
      {"properties",
       {{"kind", kinds["kind"]},
        {"amounts", {{"type", "array"}, {"items", {{"type", "number"}}}, {"minItems", 1}, {"description", "each gives a condition"}}},
        {"fills",
         {{"type", "array"},
          {"items", {{"enum", {"last", "zero", "linear"}}}},
          {"minItems", 1},
          {"description", kinds["fill"]["description"]}}},
        {"seeds", distinct_numbers("which draws of it; 1 unless said")}}}};
  return {{"oneOf", {{{"type", "string"}, {"description", "such as clean, missing_samples/0.1/last/1, noise/10/1"}}, std::move(object)}}};
}

} // namespace

Json sweep_schema() {
  const Json text = {{"type", "string"}, {"minLength", 1}};
  Json definitions = Json::object();
  for (const auto& path : recipe_paths()) definitions[path] = recipe_path_schema(path);
  Json properties = settings_schema();
  properties["dataset"] = described(text, "name in the catalogue, or path of a manifest (.json)");
  properties["preset"] = described({{"enum", preset_names()}}, "what the runs start from");
  properties["windows"] = described(schema<WindowSpec>(), "how recordings are cut");
  properties["fixed"] = described(schema<Recipe>(), "changes of the preset, for all runs");
  properties["variants"] = {{"type", "array"},
                            {"items", variant_schema()},
                            {"minItems", 1},
                            {"uniqueItems", true},
                            {"description", "ablations and baselines; stdual_x unless said"}};
  properties["protocols"] = {{"type", "array"},
                             {"items", protocol_schema()},
                             {"minItems", 1},
                             {"uniqueItems", true},
                             {"description", "how people or windows are parted"}};
  properties["folds"] = distinct_numbers("which folds of the protocols; all unless said");
  properties["seeds"] = distinct_numbers("of weights, order, dropout and augmentation; 1 unless said");
  properties["conditions"] = {{"type", "array"},
                              {"items", condition_schema()},
                              {"minItems", 1},
                              {"uniqueItems", true},
                              {"description", "what the test part is evaluated under after training; `clean` always"}};
  properties["resources"] = described(schema<SweepResources>(), "what a run is given");
  definitions["part"] = {
      {"type", "object"}, {"required", {"dataset", "protocols"}}, {"properties", properties}, {"additionalProperties", false}};
  properties["$schema"] = described({{"type", "string"}}, "for editors: sweep.schema.json");
  properties[places_key] = {
      {"type", "object"},
      {"additionalProperties", {{"type", "string"}, {"minLength", 1}}},
      {"description", "where the manifests of a frozen sweep are; `submit` writes it, and it is no part of the identity"}};
  properties["description"] = described({{"type", "string"}}, "for people; no part of the sweep's identity");
  properties["name"] = described(text, "how lists call the sweep");
  properties["parts"] = {{"type", "array"},
                         {"items", {{"$ref", "#/$defs/part"}}},
                         {"minItems", 1},
                         {"description", "sweeps that belong together, each with all but a name; in place of everything else"}};
  return {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
          {"title", "stdualx sweep"},
          {"description", "Runs to train; `stdualx plan FILE` lists them. One path stands in one of fixed, grid, zip and random."},
          {"type", "object"},
          {"required", {"name"}},
          {"oneOf", {{{"required", {"dataset", "protocols"}}}, {{"required", {"parts"}}}}},
          {"properties", std::move(properties)},
          {"additionalProperties", false},
          {"$defs", std::move(definitions)}};
}

} // namespace stdualx
