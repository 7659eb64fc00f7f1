#include "flags.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <CLI/CLI.hpp>

#include "ostiary/base/nearest.h"
#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"
#include "ostiary/config/settings.h"

namespace ostiary::cli {
namespace {

// The library would add [OPTIONS] after the form, but options there belong to the program.
class Usage : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App*, std::string form) const override { return "Usage: " + form + "\n"; }
};

std::string form_of(const Syntax& syntax) {
  std::string form;
  append(form, {"ostiary ", syntax.subcommand, syntax.form.empty() ? "" : " ", syntax.form});
  return form;
}

// Where the library stores what it reads.
struct Storage {
  std::map<std::string_view, std::string> values;
  std::map<std::string_view, std::vector<std::string>> lists;
  std::map<std::string_view, bool> switches;
};

void add_flag(CLI::App& app, const Flag& flag, Storage& storage) {
  const std::string name(flag.name);
  const std::string value(flag.value);
  switch (flag.kind) {
    case Flag::Kind::on_or_off:
      app.add_flag(name, storage.switches[flag.name], flag.help);
      return;
    case Flag::Kind::list:
      app.add_option(name, storage.lists[flag.name], flag.help)->type_name(value)->allow_extra_args(false);
      return;
    case Flag::Kind::one_value:
      app.add_option(name, storage.values[flag.name], flag.help)->type_name(value)->take_last();
      return;
  }
}

std::string text_of(const Flag& flag, const Storage& storage) {
  switch (flag.kind) {
    case Flag::Kind::on_or_off:
      return storage.switches.at(flag.name) ? "true" : "false";
    case Flag::Kind::list:
      return config::join_entries(flag.key, storage.lists.at(flag.name));
    case Flag::Kind::one_value:
      return storage.values.at(flag.name);
  }
  return {};
}

std::string unknown_flag(const CLI::App& app, std::string_view argument) {
  const std::string_view written = argument.substr(0, argument.find('='));
  if (!written.starts_with('-')) return "this command takes no arguments; found " + quote(argument);
  std::vector<std::string> names;
  for (const CLI::Option* option : app.get_options()) names.push_back(option->get_name());
  const std::vector<std::string_view> words(names.begin(), names.end());
  const std::string_view meant = nearest(written, words);
  return "there is no flag " + quote(written) + (meant.empty() ? "" : ", perhaps " + std::string(meant));
}

}  // namespace

Result<std::variant<GivenFlags, HelpText>> read_flags(const Syntax& syntax,
                                                      std::vector<std::string> arguments) {
  CLI::App app{std::string(syntax.about), form_of(syntax)};
  app.formatter(std::make_shared<Usage>());
  app.footer(std::string(syntax.footer));
  Storage storage;
  for (const Flag& flag : syntax.flags) add_flag(app, flag, storage);

  std::ranges::reverse(arguments);  // the library expects them in reverse order
  try {
    app.parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    return HelpText{app.help()};
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> extras = app.remaining();
    return usage_error(syntax.subcommand, unknown_flag(app, extras.empty() ? "" : extras.front()));
  } catch (const CLI::ParseError& error) {
    return usage_error(syntax.subcommand, error.what());
  }

  GivenFlags given;
  for (const Flag& flag : syntax.flags)
    if (app.count(std::string(flag.name)) != 0) given[flag.name] = text_of(flag, storage);
  return given;
}

std::unexpected<Error> usage_error(std::string_view subcommand, const std::string& message) {
  return fail(Exit::usage, message + ": see ostiary " + std::string(subcommand) + " --help");
}

}  // namespace ostiary::cli
