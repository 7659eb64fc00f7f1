#include "connect/variables.h"

#include "connect/settings_text.h"
#include "ostiary/base/json.h"

namespace ostiary::connect {

Result<std::vector<SettingsVariable>> read_variables(std::string_view text) {
  constexpr const char* env = "env";
  std::vector<SettingsVariable> found;
  for (const std::string& name : TRY(keys_of(text, {env}))) {
    const auto json = TRY(find_value(text, {env, name}));
    const Json value = TRY(Json::parse(json->reveal()));
    found.push_back({name, Secret(value.text() != nullptr ? *value.text() : std::string(json->reveal()))});
  }
  return found;
}

}  // namespace ostiary::connect
