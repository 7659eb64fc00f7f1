// Requests of telemetry from a hostile sender. What is accepted has our attributes in every resource,
// each once and with our value, and no other attribute that a database could take for one of ours. A
// second application changes nothing. The result is at most as much longer as our attributes are, for
// each resource. A request that does not claim a reserved name does not claim it after the rewriting, and
// one within the limit of levels stays within it.
#include <string>
#include <vector>

#include "fuzz.h"
#include "ostiary/base/text.h"
#include "ostiary/otlp/identity.h"
#include "ostiary/otlp/nesting.h"
#include "ostiary/otlp/origin.h"
#include "ostiary/otlp/reply.h"
#include "ostiary/otlp/reserved.h"
#include "otlp/message.h"

using namespace ostiary;
using namespace ostiary::otlp;

namespace {

const std::vector<Attribute> ours{{"service.name", "claude-code"}, {"a", ""}};
constexpr size_t octets_of_ours = 64;

// All fields of this number. The message is ours, so it is well-formed.
std::vector<std::string_view> fields(std::string_view message, Tag number) {
  std::vector<std::string_view> found;
  for (Reader field = reader(message); field.next();) {
    if (field.tag() == number)
      found.push_back(view(field));
    else
      field.skip();
  }
  return found;
}

bool resembles_ours(std::string_view key) {
  std::string form = to_lower(key);
  for (char& c : form)
    if (!is_letter(c) && !is_digit(c)) c = '_';
  return form == "service_name" || form == "a";
}

void check_resource(std::string_view resource) {
  std::string found;
  for (const std::string_view attribute : fields(resource, 1)) {
    const auto keys = fields(attribute, 1);
    const std::string key(keys.empty() ? "" : keys.back());
    if (resembles_ours(key))
      found += key + "=" + std::string(fields(fields(attribute, 2).back(), 1).back()) + ";";
  }
  HOLDS(found == "service.name=claude-code;a=;");
}

void check_origins(std::string_view request) {
  for (const Items items : {Items::spans, Items::log_records}) {
    const auto found = origins(request, items);
    if (!found) continue;
    HOLDS(found->size() <= limits::origins);
    for (const Origin& each : *found) {
      HOLDS(!each.session.empty() && request.contains(each.session));
      HOLDS(each.trace.empty() || each.trace.size() == 16);
      HOLDS(each.span.empty() || each.span.size() == 8);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view request = fuzz::as_text({data, size});
  (void)rejected_part(request);
  check_origins(request);
  const Identity identity(ours);
  const auto rewritten = identity.applied_to(request);
  if (!rewritten) return 0;
  const auto blocks = fields(*rewritten, 1);
  HOLDS(blocks.size() <= limits::resources);
  for (const std::string_view block : blocks) {
    const auto resources = fields(block, 1);
    HOLDS(resources.size() == 1);
    check_resource(resources[0]);
  }
  HOLDS(rewritten->size() <= request.size() + blocks.size() * octets_of_ours);
  HOLDS(identity.applied_to(*rewritten) == rewritten);
  // The request is checked first, and must not come to claim the name by the rewriting.
  if (claims_name(request, "ostiary") == false) HOLDS(claims_name(*rewritten, "ostiary") == false);
  for (const ItemKind items : {ItemKind::spans, ItemKind::metrics, ItemKind::log_records})
    if (is_within_levels(request, items)) HOLDS(is_within_levels(*rewritten, items));
  return 0;
}
