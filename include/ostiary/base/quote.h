// base/quote.h: quotes untrusted text inside one line of a message.
// The result shows at most 60 octets of the text. It has no octet that could move the cursor, end
// the line or hide the rest of it.
#pragma once

#include <string>
#include <string_view>

namespace ostiary {

// Whether a part of the text could be a token: 20 or more characters that are letters of both
// cases, digits, and signs of base64. Such a text may be a secret in the wrong setting.
bool may_be_token(std::string_view text);

// "api.anthropic.com", including the quotes. An octet that is not printable ASCII becomes \xNN. A
// text that is too long ends in "…". Of one that may be a token, only the start is shown.
std::string quote(std::string_view text);

// Whether the text could be a URL or hold user:password@host.
bool may_hold_password(std::string_view text);

// The quoted text, or `instead` if the text could hold a password.
std::string quote_unless_password(std::string_view text, std::string_view instead);

// A refused value, for the start of an error. A long value, or one that may hold a password, is not
// shown: it could be a secret in the wrong setting.
std::string quote_refused(std::string_view value);

}  // namespace ostiary
