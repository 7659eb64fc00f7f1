#include "flags.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <CLI/CLI.hpp>

#include "ostiary/base/nearest.h"
#include "ostiary/base/quote.h"
#include "ostiary/base/text.h"
#include "ostiary/config/config.h"
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

// No flag stores its value in a variable: the library's templates for each type take seconds to
// compile.
void add_flag(CLI::App& app, const Flag& flag) {
  const std::string name(flag.name);
  if (flag.kind == Flag::Kind::on_or_off) {
    app.add_flag(name, std::as_const(flag.help));
    return;
  }
  CLI::Option* const option = app.add_option(name, CLI::callback_t(), flag.help);
  option->type_name(std::string(flag.value));
  if (flag.kind == Flag::Kind::list || flag.kind == Flag::Kind::each)
    option->expected(1, CLI::detail::expected_max_vector_size)->allow_extra_args(false);
  else
    option->take_last();
}

std::string text_of(const Flag& flag, const CLI::Option& given) {
  if (flag.kind == Flag::Kind::list) return config::join_entries(flag.key, given.results());
  if (flag.kind == Flag::Kind::each) return join(given.results(), std::string_view("\0", 1));
  return given.results().back();
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

// Replaces the word of a switch, such as --no-derive=yes, by true or false.
Result<> read_switch(const Syntax& syntax, std::string& argument) {
  const size_t equals = argument.find('=');
  if (equals == std::string::npos) return {};
  const auto flag =
      std::ranges::find(syntax.flags, std::string_view(argument).substr(0, equals), &Flag::name);
  if (flag == syntax.flags.end() || flag->kind != Flag::Kind::on_or_off) return {};
  const std::string name(flag->name);
  const std::string word = argument.substr(equals + 1);
  const auto choice = config::parse_switch(word);
  if (!choice)
    return usage_error(syntax.subcommand, name + ": " + quote_refused(word) +
                                              " is neither true nor false: write " + name + ", or " + name +
                                              "=false");
  argument = name + (*choice == config::Choice::yes ? "=true" : "=false");
  return {};
}

}  // namespace

Result<std::variant<GivenFlags, HelpText>> read_flags(const Syntax& syntax,
                                                      std::vector<std::string> arguments) {
  CLI::App app{std::string(syntax.about), form_of(syntax)};
  app.formatter(std::make_shared<Usage>());
  app.footer(std::string(syntax.footer));
  for (const Flag& flag : syntax.flags) add_flag(app, flag);

  for (std::string& argument : arguments) TRY(read_switch(syntax, argument));
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
    if (const CLI::Option& option = *app.get_option(std::string(flag.name)); option)
      given[flag.name] = text_of(flag, option);
  return given;
}

std::unexpected<Error> usage_error(std::string_view subcommand, const std::string& message) {
  return fail(Exit::usage, message + ": see ostiary " + std::string(subcommand) + " --help");
}

}  // namespace ostiary::cli
