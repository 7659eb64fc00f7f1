#include "ostiary/otlp/identity.h"

#include <algorithm>

#include "otlp/request.h"

namespace ostiary::otlp {
namespace {

// What the lengths of a resource and of its block may take more than before.
constexpr size_t lengths_octets = 32;

// With one key and one value, so that every reader finds the same.
std::string written_anew(std::string_view attribute) {
  std::string written;
  Writer out(written);
  add(out, attribute_key, last(attribute, attribute_key));
  if (const std::string_view value = last(attribute, attribute_value); value.data() != nullptr)
    add(out, attribute_value, value);
  return written;
}

}  // namespace

Identity::Identity(std::span<const Attribute> attributes) {
  Writer resource(attributes_);
  for (const Attribute& each : attributes) {
    keys_.push_back(compared_key(each.key));
    std::string value;
    Writer text(value);
    add(text, value_text, each.value);
    std::string attribute;
    Writer out(attribute);
    add(out, attribute_key, each.key);
    add(out, attribute_value, value);
    add(resource, resource_attributes, attribute);
  }
}

bool Identity::is_ours(std::string_view key) const {
  return std::ranges::find(keys_, compared_key(key)) != keys_.end();
}

std::string Identity::resource_with_ours(std::string_view theirs) const {
  std::string resource;
  Writer out(resource);
  for (Reader field = reader(theirs); field.next();) {
    if (field.tag() == resource_attributes) {
      const std::string_view attribute = view(field);
      if (!is_ours(last(attribute, attribute_key))) add(out, resource_attributes, written_anew(attribute));
    } else if (field.tag() == resource_dropped_attributes) {
      out.add_uint64(resource_dropped_attributes, number(field));
    } else {
      field.skip();
    }
  }
  return resource + attributes_;
}

std::optional<std::string> Identity::applied_to(std::string_view request) const {
  std::string rewritten;
  rewritten.reserve(request.size() + attributes_.size() + lengths_octets);
  Writer out(rewritten);
  size_t resources = 0;
  try {
    for (Reader field = reader(request); field.next();) {
      if (field.tag() != request_resources) {
        field.skip();
        continue;
      }
      const Group block = read_group(view(field));
      if (block.members.empty()) continue;
      if (++resources > limits::resources) return std::nullopt;
      Writer written(out, request_resources);
      add(written, block_resource, resource_with_ours(block.description));
      for (const std::string_view scope : block.members) add(written, block_scopes, scope);
      if (!block.schema_url.empty()) add(written, block_schema_url, block.schema_url);
    }
  } catch (const Malformed&) {
    return std::nullopt;
  }
  return rewritten;
}

}  // namespace ostiary::otlp
