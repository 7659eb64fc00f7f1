#include "ostiary/otlp/reserved.h"

#include <string>

#include "otlp/request.h"

namespace ostiary::otlp {
namespace {

bool resembles(std::string_view text, std::string_view name) {
  std::string form = to_lower(text);
  std::erase_if(form, [](char c) { return !is_letter(c) && !is_digit(c); });
  return form == name;
}

// Of fields that stand twice, each counts.
bool scope_claims(std::string_view scope, std::string_view name) {
  bool claims = false;
  for_each(scope, scope_description, [&](std::string_view description) {
    for_each(description, description_name, [&](std::string_view text) { claims |= resembles(text, name); });
  });
  return claims;
}

bool service_claims(std::string_view resource, std::string_view name) {
  bool claims = false;
  for_each(resource, resource_attributes, [&](std::string_view attribute) {
    if (compared_key(last(attribute, attribute_key)) != "service_name") return;
    for_each(attribute, attribute_value, [&](std::string_view value) {
      for (Reader field = reader(value); field.next();) {
        if (field.tag() == value_text || field.tag() == value_octets)
          claims |= resembles(view(field), name);
        else
          field.skip();
      }
    });
  });
  return claims;
}

}  // namespace

std::optional<bool> claims_name(std::string_view request, std::string_view name) {
  bool claims = false;
  try {
    for_each(request, request_resources, [&](std::string_view block) {
      for_each(block, block_resource,
               [&](std::string_view resource) { claims |= service_claims(resource, name); });
      for_each(block, block_scopes, [&](std::string_view scope) { claims |= scope_claims(scope, name); });
    });
  } catch (const Malformed&) {
    return std::nullopt;
  }
  return claims;
}

}  // namespace ostiary::otlp
