#include "ostiary/base/json.h"
#include "ostiary/base/text.h"
#include "ostiary/connect/settings.h"

namespace ostiary::connect {
namespace {

// ---- a property list of macOS

void append_xml(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else
      out += c;
  }
}

// Settings of telemetry hold texts, arrays and objects.
void append_plist(std::string& out, const Json& json, const std::string& indent) {
  const std::string deeper = indent + "  ";
  if (json.is_object()) {
    append(out, {indent, "<dict>\n"});
    for (const Json::Member& member : json.members()) {
      append(out, {deeper, "<key>"});
      append_xml(out, member.key);
      out += "</key>\n";
      append_plist(out, member.value, deeper);
    }
    append(out, {indent, "</dict>\n"});
  } else if (json.is_array()) {
    append(out, {indent, "<array>\n"});
    for (const Json& element : json.elements()) append_plist(out, element, deeper);
    append(out, {indent, "</array>\n"});
  } else {
    append(out, {indent, "<string>"});
    append_xml(out, json.text() != nullptr ? *json.text() : json.compact());
    out += "</string>\n";
  }
}

std::string plist(const Json& settings) {
  std::string out =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "
      "\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"
      "<plist version=\"1.0\">\n";
  append_plist(out, settings, "");
  return out + "</plist>\n";
}

// ---- the registry of Windows

// Without the hook: its command is none of Windows.
std::string reg(const Json& settings) {
  Json kept = Json::object();
  for (const Json::Member& member : settings.members())
    if (member.key != "hooks") kept[member.key] = member.value;
  std::string out =
      "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\ClaudeCode]\r\n"
      "\"Settings\"=\"";
  for (const char c : kept.compact()) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"\r\n";
}

}  // namespace

Result<Secret> write_form(const Secret& settings, Form form) {
  if (form == Form::json) return settings.clone();
  const Json json = TRY(Json::parse(settings.reveal()));
  return Secret(form == Form::plist ? plist(json) : reg(json));
}

}  // namespace ostiary::connect
